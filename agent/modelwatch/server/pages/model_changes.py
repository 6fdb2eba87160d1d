"""What the forms of a model's page do."""

from __future__ import annotations

from collections.abc import Callable

from starlette.responses import Response

from modelwatch.core.errors import ModelwatchError, NotFoundError, PermanentError, UsageError
from modelwatch.repository.index.answers import IndexedModel
from modelwatch.server.addresses import model_path
from modelwatch.server.endpoint import Call, Endpoint, Needs, Takes
from modelwatch.server.pages.forms import checked_tag, text_of
from modelwatch.server.pages.model_page import model_page
from modelwatch.server.pages.rendering import Toast, models_path, redirect

Change = Callable[[Call, IndexedModel], Toast | None]


def _changing(change: Change) -> Callable[[Call], Response]:
    """Make a handler of a change: afterwards the model's page shows it, or says why it was not done."""

    def handle(call: Call) -> Response:
        model = call.library.model(call.path("model"))
        try:
            toast = change(call, model)
        except NotFoundError:
            raise
        except (UsageError, PermanentError) as error:
            return model_page(call, error)
        return redirect(call, model_path(model.team, model.id), toast=toast)

    return handle


def _rename(call: Call, model: IndexedModel) -> None:
    name = text_of(call, "name").strip()
    if name != model.name:
        call.library.rename(model.id, name)


def _tag(call: Call, model: IndexedModel) -> None:
    add = [checked_tag(text_of(call, "add"))] if text_of(call, "add") else []
    remove = [tag for tag in [text_of(call, "remove")] if tag]
    call.library.change_tags(model.id, add=add, remove=remove)


def _note(call: Call, model: IndexedModel) -> None:
    call.library.note(model.id, text_of(call, "notes").replace("\r\n", "\n"))


def _publish(call: Call, model: IndexedModel) -> Toast:
    public = text_of(call, "public") == "yes"
    call.library.publish(model.id, public=public)
    call.record("model-published" if public else "model-unpublished", model.name)
    return Toast(f"{model.name} is public now." if public else f"{model.name} is the team's alone again.")


def _delete(call: Call) -> Response:
    model = call.library.model(call.path("model"))
    call.library.delete_model(model.id)
    call.record("model-deleted", model.name)
    undo = f"{model_path(model.team, model.id)}/restore"
    return redirect(call, models_path(model.team), toast=Toast(f"{model.name} was deleted.", undo))


def _restore(call: Call) -> Response:
    try:
        model = call.library.restore_model(call.path("model"))
    except ModelwatchError as error:
        return redirect(call, models_path(call.library.team), toast=Toast(f"Not restored: {error.message}"))
    return redirect(call, model_path(model.team, model.id), toast=Toast(f"{model.name} is back."))


_MODEL = "/{team}/models/{model}"


def _form(path: str, handle: Callable[[Call], Response], name: str, text: str) -> Endpoint:
    return Endpoint("POST", _MODEL + path, Needs.WRITE, handle, Takes.FORM, name=name, text=text)


ENDPOINTS = (
    _form("/name", _changing(_rename), "form_rename", "Rename a model."),
    _form("/tags", _changing(_tag), "form_tags", "Add a tag to a model, or take one away."),
    _form("/notes", _changing(_note), "form_notes", "Replace a model's notes."),
    _form("/public", _changing(_publish), "form_publish", "Publish a model, or no longer."),
    _form("/delete", _delete, "form_delete_model", "Delete a model, to be restored for some days."),
    _form("/restore", _restore, "form_restore_model", "Bring a deleted model back."),
)
