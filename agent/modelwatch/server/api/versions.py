"""Versions: lists, one, its files, changes, deletion and its undoing."""

from __future__ import annotations

from starlette.responses import Response

from modelwatch.repository.index.answers import IndexedVersion
from modelwatch.repository.index.json_shapes import indexed_version_json
from modelwatch.repository.json_shapes import files_json
from modelwatch.server.api.answers import answer
from modelwatch.server.api.queries import VERSION_PARAMETERS, version_query
from modelwatch.server.api.schemas import NOTES, PAGE_OF_VERSIONS, TAG, TAG_CHANGES, listed, obj, ref
from modelwatch.server.endpoint import Call, Endpoint, Needs, Takes

_VERSIONS = "/api/v1/teams/{team}/models/{model}/versions"
_VERSION = _VERSIONS + "/{version}"


def _list(call: Call) -> Response:
    page = call.library.versions(call.path("model"), version_query(call))
    return answer(call, {"versions": [indexed_version_json(version) for version in page.items], "next": page.next})


def _found(call: Call) -> IndexedVersion:
    return call.library.version(call.path("model"), call.path("version"))


def _show(call: Call) -> Response:
    found = _found(call)
    return answer(call, {**indexed_version_json(found), "files": files_json(found.version)})


def _files(call: Call) -> Response:
    found = _found(call)
    return answer(call, {"version": found.version.number, "files": files_json(found.version)})


def _change(call: Call) -> Response:
    found = _found(call)
    number = str(found.version.number)
    if "notes" in call.body:
        call.library.note(found.model_id, call.body["notes"], number)
    if "tags" in call.body:
        call.library.set_tags(found.model_id, tuple(call.body["tags"]), number)
    return answer(call, indexed_version_json(call.library.version(found.model_id, number)))


def _change_tags(call: Call) -> Response:
    found = _found(call)
    number = str(found.version.number)
    add, remove = call.body.get("add", ()), call.body.get("remove", ())
    call.library.change_tags(found.model_id, add=add, remove=remove, number=number)
    return answer(call, indexed_version_json(call.library.version(found.model_id, number)))


def _delete(call: Call) -> Response:
    deleted = call.library.delete_version(call.path("model"), call.path("version"))
    call.record("version-deleted", f"{deleted.model} version {deleted.version.number}")
    return answer(call, {"model": deleted.model, "id": deleted.model_id, "deleted": [deleted.version.number], "freed": 0})


def _restore(call: Call) -> Response:
    return answer(call, indexed_version_json(call.library.restore_version(call.path("model"), call.path("version"))))


ENDPOINTS = (
    Endpoint(
        "GET",
        _VERSIONS,
        Needs.READ,
        _list,
        name="list_versions",
        text="A model's versions, a page at a time.",
        answers={200: PAGE_OF_VERSIONS},
        parameters=VERSION_PARAMETERS,
        documented=True,
    ),
    Endpoint(
        "GET",
        _VERSION,
        Needs.READ,
        _show,
        name="get_version",
        text="A version, with its files.",
        answers={200: ref("Version")},
        documented=True,
    ),
    Endpoint(
        "GET",
        _VERSION + "/files",
        Needs.READ,
        _files,
        name="list_files",
        text="A version's files.",
        answers={200: obj({"version": {"type": "integer"}, "files": listed(ref("File"))})},
        documented=True,
    ),
    Endpoint(
        "PATCH",
        _VERSION,
        Needs.WRITE,
        _change,
        Takes.JSON,
        name="change_version",
        text="Replace a version's notes or its tags.",
        body=obj({}, {"notes": NOTES, "tags": listed(TAG, maxItems=1000)}, closed=True),
        answers={200: ref("Version")},
        documented=True,
    ),
    Endpoint(
        "POST",
        _VERSION + "/tags",
        Needs.WRITE,
        _change_tags,
        Takes.JSON,
        name="change_version_tags",
        text="Add tags to a version and take others away, in one step.",
        body=TAG_CHANGES,
        answers={200: ref("Version")},
        documented=True,
    ),
    Endpoint(
        "DELETE",
        _VERSION,
        Needs.WRITE,
        _delete,
        name="delete_version",
        text="Delete a version. It can be restored for a week.",
        answers={200: {"type": "object"}},
        documented=True,
    ),
    Endpoint(
        "POST",
        _VERSION + "/restore",
        Needs.WRITE,
        _restore,
        name="restore_version",
        text="Bring a deleted version back, by its number.",
        answers={200: ref("Version")},
        documented=True,
    ),
)
