"""What the forms of a version's page do."""

from __future__ import annotations

from collections.abc import Callable

from starlette.responses import Response

from modelwatch.core.errors import ModelwatchError, NotFoundError, PermanentError, UsageError
from modelwatch.repository.index.answers import IndexedVersion
from modelwatch.server.addresses import model_path, version_path
from modelwatch.server.endpoint import Call, Endpoint, Needs, Takes
from modelwatch.server.pages.forms import checked_tag, text_of
from modelwatch.server.pages.rendering import Toast, redirect
from modelwatch.server.pages.version_page import version_page

Change = Callable[[Call, IndexedVersion], None]


def _changing(change: Change) -> Callable[[Call], Response]:
    """Make a handler of a change: afterwards the version's page shows it, or says why it was not done."""

    def handle(call: Call) -> Response:
        item = call.library.version(call.path("model"), call.path("version"))
        try:
            change(call, item)
        except NotFoundError:
            raise
        except (UsageError, PermanentError) as error:
            return version_page(call, error)
        return redirect(call, version_path(item.team, item.model_id, item.version.number))

    return handle


def _tag(call: Call, item: IndexedVersion) -> None:
    add = [checked_tag(text_of(call, "add"))] if text_of(call, "add") else []
    remove = [tag for tag in [text_of(call, "remove")] if tag]
    call.library.change_tags(item.model_id, add=add, remove=remove, number=str(item.version.number))


def _note(call: Call, item: IndexedVersion) -> None:
    call.library.note(item.model_id, text_of(call, "notes").replace("\r\n", "\n"), number=str(item.version.number))


def _alias(call: Call, item: IndexedVersion) -> None:
    if text_of(call, "remove"):
        call.library.remove_alias(item.model_id, text_of(call, "remove"))
    else:
        call.library.set_alias(item.model_id, text_of(call, "add").strip(), str(item.version.number))


def _delete(call: Call) -> Response:
    item = call.library.delete_version(call.path("model"), call.path("version"))
    call.record("version-deleted", f"{item.model} version {item.version.number}")
    undo = f"{version_path(item.team, item.model_id, item.version.number)}/restore"
    return redirect(
        call,
        model_path(item.team, item.model_id),
        toast=Toast(f"Version {item.version.number} of {item.model} was deleted.", undo),
    )


def _restore(call: Call) -> Response:
    model = call.library.model(call.path("model"))
    path = model_path(model.team, model.id)
    try:
        item = call.library.restore_version(model.id, call.path("version"))
    except ModelwatchError as error:
        return redirect(call, path, toast=Toast(f"Not restored: {error.message}"))
    return redirect(call, path, toast=Toast(f"Version {item.version.number} is back."))


_VERSION = "/{team}/models/{model}/versions/{version}"


def _form(path: str, handle: Callable[[Call], Response], name: str, text: str) -> Endpoint:
    return Endpoint("POST", _VERSION + path, Needs.WRITE, handle, Takes.FORM, name=name, text=text)


ENDPOINTS = (
    _form("/tags", _changing(_tag), "form_version_tags", "Add a tag to a version, or take one away."),
    _form("/notes", _changing(_note), "form_version_notes", "Replace a version's notes."),
    _form("/aliases", _changing(_alias), "form_aliases", "Let an alias name a version, or nothing."),
    _form("/delete", _delete, "form_delete_version", "Delete a version, to be restored for some days."),
    _form("/restore", _restore, "form_restore_version", "Bring a deleted version back."),
)
