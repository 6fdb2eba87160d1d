"""
Uploading a model: the form, the plain way, and what the script asks for when everything has arrived.

With JavaScript each file goes through the API's uploads, in parts and with its progress, and `finish` makes the version of them.
Without it the form carries the files, which is held to a size that a form can carry.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import IO, Final

from starlette.datastructures import UploadFile
from starlette.responses import Response

from modelwatch.core.digest import Digest
from modelwatch.core.entities import Manifest, ManifestEntry, ModelType, Provenance, Registration
from modelwatch.core.errors import ModelwatchError, PermanentError, UsageError
from modelwatch.core.json import JsonValue
from modelwatch.repository.index.queries import ModelQuery
from modelwatch.repository.uploading import EXCLUDED_FOLDERS
from modelwatch.server.addresses import version_path
from modelwatch.server.api.answers import answer
from modelwatch.server.api.schemas import BYTES, DIGEST, NAME, NOTES, TEXT, listed, obj
from modelwatch.server.endpoint import Call, Endpoint, Needs, Takes
from modelwatch.server.errors import status_of
from modelwatch.server.pages.forms import summary_in, tags_in, text_of
from modelwatch.server.pages.rendering import Toast, page, redirect

_PIECE_BYTES: Final = 1 << 20
_LARGEST_FORM_BYTES: Final = 256 << 20
_NAMES: Final = 200


@dataclass(frozen=True, slots=True)
class Said:
    """
    What a person says about an upload, as they wrote it.

    Attributes:
        name: The model's name.
        type: Gradient's type, empty to recognise it.
        summary: JSON, or lines of ``name=value``.
        notes: Free text.
        tags: With commas between them.
        root: Name of the file or folder; may be empty.
    """

    name: str
    type: str = ""
    summary: str = ""
    notes: str = ""
    tags: str = ""
    root: str = ""


def _show(call: Call) -> Response:
    return _form(call, Said(name=call.query("name") or ""))


def _form(call: Call, said: Said, error: ModelwatchError | None = None) -> Response:
    names = [model.name for model in call.library.models(ModelQuery(sort="modified", limit=_NAMES)).items]
    return page(
        call,
        "upload.html",
        title="Upload a model",
        section="upload",
        status=200 if error is None else status_of(error)[0],
        error=error,
        form=said,
        names=names,
        types=list(ModelType),
    )


def _plain(call: Call) -> Response:
    """Take the files with the form."""
    said = Said(*(text_of(call, name) for name in ("name", "type", "summary", "notes", "tags")))
    try:
        _check(said)  # before anything is kept of it
        files = _files(call)
        manifest = _manifest([(path, *_kept(call, file)) for path, file in files])
        path = _registered(call, said, manifest)
    except (UsageError, PermanentError) as error:
        return _form(call, said, error)
    return redirect(call, path, toast=Toast("It was uploaded."))


def _files(call: Call) -> list[tuple[str, UploadFile]]:
    """Return the files of the form by their paths: below the one folder that they are in, if they are in one."""
    assert call.form is not None  # noqa: S101 - for the type checker: the endpoint takes a form
    found = [(part.filename or "", part) for part in call.form.getlist("files") if isinstance(part, UploadFile)]
    found = [(path, part) for path, part in found if path and not EXCLUDED_FOLDERS & set(path.split("/")[:-1])]
    if not found:
        raise UsageError("choose a file or a folder to upload")
    tops = {path.partition("/")[0] for path, _ in found}
    if len(tops) == 1 and all("/" in path for path, _ in found):
        found = [(path.partition("/")[2], part) for path, part in found]
    return found


def _kept(call: Call, file: UploadFile) -> tuple[int, Digest]:
    """Put a file's content into the repository and return its size and digest."""
    size = file.size or 0
    upload = call.library.begin_upload(None, size)
    with call.library.receiving(upload.id) as staged:
        offset = 0
        for piece in _pieces(file.file):
            staged.append(offset, piece)
            offset += len(piece)
        return size, call.library.finish(staged)


def _pieces(file: IO[bytes]) -> Iterator[bytes]:
    file.seek(0)
    while piece := file.read(_PIECE_BYTES):
        yield piece


def _say(call: Call) -> Said:
    return Said(**{name: str(call.body.get(name) or "") for name in ("name", "type", "summary", "notes", "tags", "root")})


def _check_first(call: Call) -> Response:
    """Say what is wrong with it before anything is sent."""
    _check(_say(call))
    return answer(call, {"ok": True})


def _finish(call: Call) -> Response:
    """Make a version of contents that were uploaded through the API."""
    body, said = call.body, _say(call)
    _check(said)
    manifest = _manifest([(file["path"], file["size"], Digest.parse(file["digest"])) for file in body["files"]])
    return answer(call, {"href": _registered(call, said, manifest)}, 201)


def _check(said: Said) -> None:
    """Raise UsageError for what cannot become a version."""
    if not said.name.strip() or not said.name.isprintable():
        raise UsageError("a model needs a name: one line of text")
    if said.type:
        _type(said.type)
    summary_in(said.summary)
    tags_in(said.tags)


def _type(text: str) -> ModelType:
    try:
        return ModelType.parse(text)
    except ValueError as error:
        raise UsageError(str(error)) from error


def _manifest(files: Sequence[tuple[str, int, Digest]]) -> Manifest:
    try:
        return Manifest(tuple(sorted(ManifestEntry(path, size, digest) for path, size, digest in files)))
    except ValueError as error:
        raise UsageError(str(error)) from error


def _registered(call: Call, said: Said, manifest: Manifest) -> str:
    """Make the version and return the path of its page."""
    chosen = _type(said.type) if said.type else None
    recognised = call.library.recognised(manifest, chosen)
    told = recognised.told
    registration = Registration(
        team=call.library.team,
        model=said.name.strip(),
        model_type=recognised.model_type,
        format="upload",
        root=said.root or (manifest.entries[0].path if len(manifest.entries) == 1 else said.name.strip()),
        manifest=manifest,
        provenance=Provenance(),
        created=time.time(),
        step=told.step if told else None,
        epoch=told.epoch if told else None,
        metadata=told.metadata if told else {},
        summary=summary_in(said.summary),
        notes=said.notes.replace("\r\n", "\n"),
    )
    receipt = call.library.upload_version(registration)
    model = call.library.model(receipt.model)
    tags = tags_in(said.tags)
    if tags:
        call.library.change_tags(model.id, add=tags, remove=())
    return version_path(model.team, model.id, int(receipt.version))


_FILE: JsonValue = obj({"path": TEXT, "size": BYTES, "digest": DIGEST})
_SAID: dict[str, JsonValue] = {"type": TEXT, "summary": TEXT, "notes": NOTES, "tags": TEXT, "root": TEXT}
_CHECK: JsonValue = obj({"name": NAME}, _SAID, closed=True)
_FINISH: JsonValue = obj({"name": NAME, "files": listed(_FILE, minItems=1, maxItems=100_000)}, _SAID, closed=True)

ENDPOINTS = (
    Endpoint("GET", "/{team}/upload", Needs.WRITE, _show, name="page_upload", text="The form to upload a model."),
    Endpoint(
        "POST",
        "/{team}/upload",
        Needs.WRITE,
        _plain,
        Takes.FORM,
        name="form_upload",
        text="Upload a model with a form.",
        limit_bytes=_LARGEST_FORM_BYTES,
    ),
    Endpoint(
        "POST",
        "/{team}/upload/check",
        Needs.WRITE,
        _check_first,
        Takes.JSON,
        name="check_upload",
        text="Say what is wrong with what is said about an upload.",
        body=_CHECK,
    ),
    Endpoint(
        "POST",
        "/{team}/upload/finish",
        Needs.WRITE,
        _finish,
        Takes.JSON,
        name="finish_upload",
        text="Make a version of what was uploaded.",
        body=_FINISH,
        limit_bytes=64 << 20,
    ),
)
