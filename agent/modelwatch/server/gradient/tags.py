"""
`gradient models tags add | remove`: the client reads all tags of a model, changes them and writes all of them back.

Of what it writes only the difference to what it has read is done, in one step: another client's tag that came meanwhile stays.
"""

from __future__ import annotations

import hashlib

from starlette.responses import Response

from modelwatch.core.errors import UsageError
from modelwatch.core.json import JsonValue
from modelwatch.server.endpoint import Call, Endpoint, Needs
from modelwatch.server.gradient.answers import answer, fields_of
from modelwatch.server.gradient.routes import both

_ENTITY = "mlModel"
_MOST_TAGS = 1000
_LONGEST_TAG = 100


def _model_id(call: Call, identifier: str) -> str:
    handle = call.services.handles.find(call.library.team, identifier)
    return identifier if handle is None or handle.model_id is None else handle.model_id


def _check_entity(entity: str | None) -> None:
    if entity != _ENTITY:
        raise UsageError(f"there are no tags of {entity}", hint=f"only models have tags here: {_ENTITY}")


def _tag(team: str, name: str) -> JsonValue:
    identifier = "tg" + hashlib.sha256(f"{team}\n{name}".encode("utf-8", "surrogatepass")).hexdigest()[:13]
    return {"name": name, "id": identifier, "dtCreated": None}


def _entries(call: Call, identifier: str, tags: tuple[str, ...]) -> list[JsonValue]:
    entries = []
    for name in tags:
        tag = _tag(call.library.team, name)
        entries.append(
            {"tagId": tag["id"], "entity": _ENTITY, "entityId": identifier, "id": tag["id"], "dtCreated": None, "tag": tag}
        )
    return entries


def _get(call: Call) -> Response:
    _check_entity(call.query("entity"))
    answers = {}
    for identifier in (call.query("entityIds") or "").split(","):
        if identifier:
            model = call.library.model(_model_id(call, identifier))
            call.services.tag_reads.told(str(call.principal), model.id, model.tags)
            answers[identifier] = _entries(call, identifier, model.tags)
    return answer(answers)


def _update(call: Call) -> Response:
    body = fields_of(call)
    _check_entity(body.get("entity"))
    tags = body.get("tags")
    if not isinstance(tags, list) or len(tags) > _MOST_TAGS or not all(isinstance(tag, str) for tag in tags):
        raise UsageError(f"tags are a list of at most {_MOST_TAGS} texts")
    names = sorted({tag.strip() for tag in tags if tag.strip()})
    for name in names:
        if not name.isprintable() or len(name) > _LONGEST_TAG:
            raise UsageError(f"a tag is one line of at most {_LONGEST_TAG} characters")
    identifier = str(body.get("entityId") or "")
    model = call.library.model(_model_id(call, identifier))
    add, remove = call.services.tag_reads.change(str(call.principal), model.id, names, model.tags)
    if add or remove:
        call.library.change_tags(model.id, add=sorted(add), remove=sorted(remove))
    return answer(_entries(call, identifier, call.library.model(model.id).tags))


ENDPOINTS: tuple[Endpoint, ...] = (
    *both("GET", "/entityTags/getTags", Needs.READ, _get, name="gradient_get_tags"),
    *both("PUT", "/entityTags/updateTags", Needs.WRITE, _update, name="gradient_update_tags"),
)
