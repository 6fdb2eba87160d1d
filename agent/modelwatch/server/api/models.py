"""Models: lists, one, changes, deletion and its undoing, aliases."""

from __future__ import annotations

from starlette.responses import Response

from modelwatch.core.errors import NotFoundError
from modelwatch.core.json import JsonValue
from modelwatch.repository.index.answers import IndexedModel, Page
from modelwatch.repository.index.json_shapes import indexed_model_json
from modelwatch.repository.json_shapes import deleted_json, run_json
from modelwatch.repository.summaries import RunSummary
from modelwatch.server.api.answers import answer, whole_number
from modelwatch.server.api.queries import MODEL_PARAMETERS, model_query
from modelwatch.server.api.schemas import (
    BYTES,
    COUNT,
    NAME,
    NOTES,
    NUMBER,
    PAGE_OF_MODELS,
    TAG,
    TAG_CHANGES,
    TEXT,
    TIME,
    listed,
    nullable,
    obj,
    ref,
)
from modelwatch.server.endpoint import Call, Endpoint, Needs, Parameter, Takes

_MOST_RUNS = 200
_MODELS = "/api/v1/teams/{team}/models"
_MODEL = _MODELS + "/{model}"


def _list(call: Call) -> Response:
    name = call.query("name")
    if name is None:
        return _page(call, call.library.models(model_query(call)))
    try:
        found = call.library.model(name)
    except NotFoundError:
        return _page(call, Page((), None))
    return _page(call, Page((found,) if found.name == name else (), None))


def _list_public(call: Call) -> Response:
    return _page(call, call.services.public_models(model_query(call)))


def _page(call: Call, page: Page[IndexedModel]) -> Response:
    return answer(call, {"models": [indexed_model_json(model) for model in page.items], "next": page.next})


def _shown(call: Call, wanted: str) -> JsonValue:
    return indexed_model_json(call.library.model(wanted))


def _show(call: Call) -> Response:
    return answer(call, _shown(call, call.path("model")))


def _change(call: Call) -> Response:
    model = call.library.model(call.path("model"))
    if "name" in call.body:
        call.library.rename(model.id, call.body["name"])
    if "notes" in call.body:
        call.library.note(model.id, call.body["notes"])
    if "tags" in call.body:
        call.library.set_tags(model.id, tuple(call.body["tags"]))
    if "public" in call.body:
        call.library.publish(model.id, public=call.body["public"])
        call.record("model-published" if call.body["public"] else "model-unpublished", model.name)
    return answer(call, _shown(call, model.id))


def _change_tags(call: Call) -> Response:
    model = call.library.model(call.path("model"))
    call.library.change_tags(model.id, add=call.body.get("add", ()), remove=call.body.get("remove", ()))
    return answer(call, _shown(call, model.id))


def _delete(call: Call) -> Response:
    model = call.library.model(call.path("model"))
    numbers = call.library.delete_model(model.id)
    call.record("model-deleted", model.name)
    return answer(call, {"model": model.name, "id": model.id, "deleted": list(numbers), "freed": 0})


def _deleted(call: Call) -> Response:
    found = call.library.deleted(call.services.clock.now())
    return answer(call, {"deleted": [deleted_json(each) for each in found]})


def _restore(call: Call) -> Response:
    return answer(call, indexed_model_json(call.library.restore_model(call.path("model"))))


def _aliases(call: Call) -> Response:
    model = call.library.model(call.path("model"))
    return answer(call, {"model": model.name, "aliases": {alias.name: alias.number for alias in model.aliases}})


def _set_alias(call: Call) -> Response:
    model = call.library.model(call.path("model"))
    number = call.library.set_alias(model.id, call.path("alias"), str(call.body["version"]))
    return answer(call, {"model": model.name, "alias": call.path("alias"), "version": number})


def _remove_alias(call: Call) -> Response:
    model = call.library.model(call.path("model"))
    call.library.remove_alias(model.id, call.path("alias"))
    return _aliases(call)


def _metrics(call: Call) -> Response:
    model = call.library.model(call.path("model"))
    points = [
        {"key": p.key, "split": p.split, "version": p.number, "step": p.step, "epoch": p.epoch, "value": p.value}
        for p in call.library.points(model.id)
    ]
    return answer(call, {"model": model.name, "points": points})


def _runs(call: Call) -> Response:
    reports = call.library.runs(call.path("model"))
    now = call.services.clock.now()
    return answer(call, {"runs": [run_json(RunSummary.of(report, now)) for report in reports]})


def _latest_runs(call: Call) -> Response:
    reports = call.library.latest_runs(whole_number(call, "limit", default=50, most=_MOST_RUNS))
    now = call.services.clock.now()
    return answer(call, {"runs": [{"model": report.model, **run_json(RunSummary.of(report, now))} for report in reports]})


def _run(call: Call) -> Response:
    return answer(call, call.library.run(call.path("model"), call.path("run")).to_json())


_ALIASES_JSON = obj({"model": TEXT, "aliases": {"type": "object", "additionalProperties": {"type": "integer"}}})
_DELETED = obj({"model": TEXT, "id": TEXT, "deleted": listed({"type": "integer"}), "freed": BYTES})
_DELETED_THING = obj(
    {
        "model": TEXT,
        "id": TEXT,
        "version": nullable(COUNT),
        "versions": listed(COUNT),
        "deleted": nullable(TIME),
        "until": nullable(TIME),
    }
)
_POINT = obj({"key": TEXT, "split": TEXT, "version": COUNT, "step": nullable(NUMBER), "epoch": nullable(NUMBER), "value": NUMBER})
_CHANGES = obj({}, {"name": NAME, "notes": NOTES, "tags": listed(TAG, maxItems=1000), "public": {"type": "boolean"}}, closed=True)

ENDPOINTS = (
    Endpoint(
        "GET",
        "/api/v1/public/models",
        Needs.NOTHING,
        _list_public,
        name="list_public_models",
        text="What all teams have published.",
        answers={200: PAGE_OF_MODELS},
        parameters=MODEL_PARAMETERS,
        documented=True,
    ),
    Endpoint(
        "GET",
        _MODELS,
        Needs.READ,
        _list,
        name="list_models",
        text="The team's models, a page at a time.",
        answers={200: PAGE_OF_MODELS},
        parameters=MODEL_PARAMETERS,
        documented=True,
    ),
    Endpoint("GET", _MODEL, Needs.READ, _show, name="get_model", text="A model.", answers={200: ref("Model")}, documented=True),
    Endpoint(
        "PATCH",
        _MODEL,
        Needs.WRITE,
        _change,
        Takes.JSON,
        name="change_model",
        text="Rename a model, replace its notes or its tags, publish it or take that back.",
        body=_CHANGES,
        answers={200: ref("Model")},
        documented=True,
    ),
    Endpoint(
        "POST",
        _MODEL + "/tags",
        Needs.WRITE,
        _change_tags,
        Takes.JSON,
        name="change_model_tags",
        text="Add tags to a model and take others away, in one step: what others do to its tags meanwhile stays.",
        body=TAG_CHANGES,
        answers={200: ref("Model")},
        documented=True,
    ),
    Endpoint(
        "DELETE",
        _MODEL,
        Needs.WRITE,
        _delete,
        name="delete_model",
        text="Delete a model with all its versions. It can be restored for a week.",
        answers={200: _DELETED},
        documented=True,
    ),
    Endpoint(
        "GET",
        "/api/v1/teams/{team}/deleted",
        Needs.READ,
        _deleted,
        name="list_deleted",
        text="What the team has deleted and can restore: models, and versions of models that are there; the latest first.",
        answers={200: obj({"deleted": listed(_DELETED_THING)})},
        documented=True,
    ),
    Endpoint(
        "POST",
        _MODEL + "/restore",
        Needs.WRITE,
        _restore,
        name="restore_model",
        text="Bring a deleted model back, by its id.",
        answers={200: ref("Model")},
        documented=True,
    ),
    Endpoint(
        "GET",
        _MODEL + "/metrics",
        Needs.READ,
        _metrics,
        name="get_metrics",
        text="Every metric of every version.",
        answers={200: obj({"model": TEXT, "points": listed(_POINT)})},
        documented=True,
    ),
    Endpoint(
        "GET",
        "/api/v1/teams/{team}/runs",
        Needs.READ,
        _latest_runs,
        name="list_latest_runs",
        text="The team's training runs that were told of last, each with its model, which may have no version yet; the latest first.",
        answers={200: obj({"runs": listed({"type": "object"})})},
        parameters=(Parameter("limit", "how many", {"type": "integer", "minimum": 1, "maximum": _MOST_RUNS, "default": 50}),),
        documented=True,
    ),
    Endpoint(
        "GET",
        _MODEL + "/runs",
        Needs.READ,
        _runs,
        name="list_runs",
        text="The training runs of a model that agents have told of, in the order in which they started; it need have no version yet.",
        answers={200: obj({"runs": listed({"type": "object"})})},
        documented=True,
    ),
    Endpoint(
        "GET",
        _MODEL + "/runs/{run}",
        Needs.READ,
        _run,
        name="get_run",
        text="One training run: its curves, and the states of its checkpoints.",
        answers={200: {"type": "object"}},
        documented=True,
    ),
    Endpoint(
        "GET",
        _MODEL + "/aliases",
        Needs.READ,
        _aliases,
        name="list_aliases",
        text="The names that versions have.",
        answers={200: _ALIASES_JSON},
        documented=True,
    ),
    Endpoint(
        "PUT",
        _MODEL + "/aliases/{alias}",
        Needs.WRITE,
        _set_alias,
        Takes.JSON,
        name="set_alias",
        text="Let a name mean a version from now on.",
        body=obj({"version": {"anyOf": [{"type": "integer", "minimum": 1}, NAME]}}, closed=True),
        answers={200: obj({"model": TEXT, "alias": TEXT, "version": {"type": "integer"}})},
        documented=True,
    ),
    Endpoint(
        "DELETE",
        _MODEL + "/aliases/{alias}",
        Needs.WRITE,
        _remove_alias,
        name="remove_alias",
        text="Let a name mean nothing.",
        answers={200: _ALIASES_JSON},
        documented=True,
    ),
)
