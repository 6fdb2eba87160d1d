"""`gradient models list | details | create | delete`, and what `upload` begins with."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from starlette.responses import Response

from modelwatch.core.entities import Manifest, ModelType, Provenance, Registration, Storage
from modelwatch.core.errors import NotFoundError, UsageError
from modelwatch.core.json import JsonValue, loads_foreign
from modelwatch.repository.index.answers import IndexedModel
from modelwatch.repository.index.queries import LARGEST_PAGE, ModelQuery
from modelwatch.server.endpoint import Call, Endpoint, Needs
from modelwatch.server.gradient.answers import answer, fields_of
from modelwatch.server.gradient.handles import Handle
from modelwatch.server.gradient.records import record
from modelwatch.server.gradient.routes import both

_LONGEST_NAME_BYTES = 200
_FILTERS = frozenset({"id", "projectId", "experimentId", "name", "modelType"})


def _list(call: Call) -> Response:
    """Answer with every model that fits, as the client asks for: it knows no pages."""
    body = fields_of(call)
    wanted = _wanted(body)
    tags = tuple(_texts(body.get("tagFilter") or (), "tagFilter"))
    total = call.library.counts().models
    if "id" in wanted:
        records = [found for found in [_by_id(call, wanted["id"])] if found is not None]
    else:
        records = [_record(model) for model in _models(call, wanted, tags)]
    return answer({"modelList": records, "total": total, "displayTotal": len(records)})


def _wanted(body: JsonValue) -> dict[str, str]:
    """Return the fields to be equal: a list of objects, all of which must fit, each with one field or several."""
    try:
        parts = (body.get("filter") or {}).get("where", {}).get("and", [])
        wanted = {str(name): str(value) for part in parts for name, value in part.items()}
    except AttributeError as error:
        raise UsageError("the filter cannot be understood") from error
    for name in wanted.keys() - _FILTERS:
        raise UsageError(f"models cannot be filtered by {name}", hint=f"filter by {', '.join(sorted(_FILTERS))}")
    return wanted


def _texts(values: Any, what: str) -> Iterator[str]:  # noqa: ANN401 - whatever the client sent
    for value in values if isinstance(values, (list, tuple)) else [values]:
        if not isinstance(value, str):
            raise UsageError(f"{what} holds something that is no text")
        yield value


def _models(call: Call, wanted: dict[str, str], tags: tuple[str, ...]) -> Iterator[IndexedModel]:
    query = ModelQuery(
        tags=tags,
        project=wanted.get("projectId"),
        experiment=wanted.get("experimentId"),
        type=model_type(wanted["modelType"]) if "modelType" in wanted else None,
        sort="created",
        limit=LARGEST_PAGE,
        with_best=False,
    )
    while True:
        page = call.library.models(query)
        yield from (model for model in page.items if wanted.get("name") in {None, model.name})
        if page.next is None:
            return
        query = replace(query, cursor=page.next)


def _record(model: IndexedModel) -> JsonValue:
    return record(model, model.latest, (), identifier=model.id)


def _by_id(call: Call, identifier: str) -> JsonValue | None:
    handle = call.services.handles.find(call.library.team, identifier)
    try:
        if handle is None:
            model = call.library.model(identifier)
            return record(model, model.latest, call.library.points(model.id), identifier=model.id)
        if handle.model_id is None:
            return None
        found = call.library.version(handle.model_id, str(handle.number))
        points = call.library.points(handle.model_id)
        return record(call.library.model(handle.model_id), found.version, points, identifier=identifier)
    except NotFoundError:
        return None


def model_type(text: str | None) -> ModelType:
    """Return a model's type; ``Custom`` when nothing says. Raise UsageError."""
    try:
        return ModelType.CUSTOM if not text else ModelType.parse(text)
    except ValueError as error:
        raise UsageError(str(error)) from error


def _create(call: Call) -> Response:
    """
    Answer with an id: of an upload that is to come, or of a model that is made of a data set elsewhere.

    The client sends all it has in the query; the documentation's own example sends JSON.
    """
    given = {**fields_of(call), **dict(call.request.query_params)}
    name = str(given.get("name") or "").strip()
    if not name or not name.isprintable() or len(name.encode("utf-8", "surrogatepass")) > _LONGEST_NAME_BYTES:
        raise UsageError("a model needs a name: one line of text")
    handle = call.services.handles.make(
        call.library.team,
        name,
        model_type(given.get("modelType")),
        project=given.get("projectId") or None,
        notes=str(given.get("notes") or ""),
        summary=_summary(given.get("summary")),
        dataset=given.get("datasetRef") or None,
        wish=call.library.id_of_new(name),
    )
    if handle.dataset is not None:
        handle = registered(call, handle, Manifest(()), storage=Storage.REFERENCE)
    return answer(_made(call, handle))


def _made(call: Call, handle: Handle) -> JsonValue:
    found = _by_id(call, handle.id)
    fields = {"id": handle.id, "name": handle.name, "modelType": handle.model_type.value, "projectId": handle.project}
    return fields if found is None else found


def _summary(given: Any) -> JsonValue:  # noqa: ANN401 - JSON, or a text of it
    if not isinstance(given, str):
        return given
    try:
        return loads_foreign(given) if given.strip() else None
    except ValueError as error:
        raise UsageError(f"the summary is not JSON: {error}") from error


def registered(call: Call, handle: Handle, manifest: Manifest, *, storage: Storage = Storage.COPY) -> Handle:
    """
    Make the version of a handle whose content is in the repository.

    Raises:
        MissingContentError, PermanentError, TransientError: As `TeamLibrary.upload_version`.
    """
    library = call.services.library(handle.team, sees_all=True)
    registration = Registration(
        team=handle.team,
        model=handle.name,
        model_type=handle.model_type,
        format="upload",
        root=handle.name,
        manifest=manifest,
        provenance=Provenance(project=handle.project),
        created=time.time(),
        metadata={} if handle.dataset is None else {"datasetRef": handle.dataset},
        storage=storage,
        source=handle.dataset or "",
        summary=handle.summary,
        notes=handle.notes,
    )
    if storage is Storage.REFERENCE:
        receipt = library.register(replace(registration, upload=handle.id))
    else:
        receipt = library.upload_version(registration)
    model = library.model(receipt.model)
    return call.services.handles.became(handle, model.id, int(receipt.version))


def _delete(call: Call) -> Response:
    """Delete a model, or what an upload has made: the client deletes the upload's id when the upload fails."""
    identifier = str(fields_of(call).get("id") or "")
    handle = call.services.handles.find(call.library.team, identifier)
    if handle is None:
        model = call.library.model(identifier)
        call.library.delete_model(model.id)
        call.record("model-deleted", model.name)
        return answer({})
    if handle.model_id is not None:
        delete_upload(call, handle)
    call.services.handles.forget(handle)
    return answer({})


def delete_upload(call: Call, handle: Handle) -> None:
    """Delete the version that an upload has made; a model of this one version goes with it."""
    model = call.library.model(str(handle.model_id))
    if model.versions == 1 and model.latest is not None and model.latest.number == handle.number:
        call.library.delete_model(model.id)
        call.record("model-deleted", model.name)
    else:
        deleted = call.library.delete_version(model.id, str(handle.number))
        call.record("version-deleted", f"{deleted.model} version {deleted.version.number}")


ENDPOINTS: tuple[Endpoint, ...] = (
    *both("GET", "/mlModels/getModelList", Needs.READ, _list, name="gradient_list"),
    *both("POST", "/mlModels/createModelV2", Needs.WRITE, _create, name="gradient_create"),
    *both("POST", "/mlModels/deleteModel", Needs.WRITE, _delete, name="gradient_delete"),
)
