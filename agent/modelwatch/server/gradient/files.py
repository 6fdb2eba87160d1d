"""`gradient models upload | download`: addresses that authorise themselves, and what is sent to them."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from modelwatch.core.digest import Digest
from modelwatch.core.entities import Manifest, ManifestEntry, Storage
from modelwatch.core.errors import NotFoundError, PermanentError, UsageError
from modelwatch.core.json import JsonValue
from modelwatch.server.access.lending import borrow, ended, lend
from modelwatch.server.accounts.principal import Role
from modelwatch.server.addresses import base_url
from modelwatch.server.api.content import LINK_PURPOSE
from modelwatch.server.endpoint import Call, Endpoint, Needs, Takes
from modelwatch.server.errors import RefusedError
from modelwatch.server.file_names import names_to_save
from modelwatch.server.gradient.answers import answer, fields_of
from modelwatch.server.gradient.archives import ARCHIVE_NAME, unpacked
from modelwatch.server.gradient.framing import LONGEST_HEAD_BYTES, Frame, frame_of
from modelwatch.server.gradient.handles import Handle
from modelwatch.server.gradient.models import registered
from modelwatch.server.gradient.routes import both
from modelwatch.server.library import TeamLibrary

_UPLOAD_PURPOSE = "gradient-upload"
_UPLOAD_SECONDS = 6 * 3600.0
_DOWNLOAD_SECONDS = 6 * 3600.0
_PIECE_BYTES = 1 << 20


def _address(call: Call) -> Response:
    """Answer with where to send a file: a bare JSON string."""
    identifier = call.query("modelHandle") or ""
    handle = call.services.handles.find(call.library.team, identifier)
    if handle is None:
        raise NotFoundError("Unable to find model")
    if handle.model_id is not None:
        raise UsageError("the model has been uploaded already", hint="upload it again under its name: that makes another version")
    name = (call.query("fileName") or "").replace("\\", "/").rpartition("/")[2]
    try:
        ManifestEntry(name, 0, Digest("0" * 64))
    except ValueError as error:
        raise UsageError(f"no file can be called {name!r}") from error
    fields: dict[str, JsonValue] = {"team": handle.team, "handle": handle.id, "file": name}
    token = lend(call.services.links, call.principal, _UPLOAD_PURPOSE, fields, _UPLOAD_SECONDS)
    return answer(f"{base_url(call.request, call.services)}/gradient/uploads/{token}")


async def _receive(call: Call) -> Response:
    fields, maker = await run_in_threadpool(borrow, call.services, _UPLOAD_PURPOSE, call.path("token"))
    if not maker.may(fields["team"], Role.WRITER):
        raise ended()
    handles = call.services.handles
    with handles.receiving(fields["handle"]) as is_first:
        handle = await run_in_threadpool(handles.find, fields["team"], fields["handle"]) if is_first else None
        if handle is None or handle.model_id is not None:
            raise RefusedError("the link was used already", status=403, code="used_link", hint="begin the upload again")
        library = call.services.library(handle.team, sees_all=True)
        content = await _stored(call.request, library)
        await run_in_threadpool(_register, call, library, handle, fields["file"], content)
    return Response(None, 200)


@dataclass(frozen=True, slots=True)
class _Stored:
    digest: Digest
    size: int


async def _stored(request: Request, library: TeamLibrary) -> _Stored:
    """Put what is sent into the repository, without the frame around it."""
    length = request.headers.get("content-length", "")
    if not (length.isascii() and length.isdigit()):
        raise RefusedError("the length of the content must be told", status=411, code="length_required")
    body = request.stream()
    beginning, frame = await _beginning(body)
    size = int(length) - frame.head - len(frame.tail)
    if size < 0:
        raise UsageError("the content ends within the frame around it")
    upload = await run_in_threadpool(library.begin_upload, None, size)
    stack = contextlib.ExitStack()
    staged = await run_in_threadpool(stack.enter_context, library.receiving(upload.id))
    try:
        tail = b""
        async for piece in _after(beginning[frame.head :], body):
            data = piece[: size - staged.offset]
            tail += piece[len(data) :]
            if data:
                await run_in_threadpool(staged.append, staged.offset, data)
        if staged.offset != size or tail != frame.tail:
            await run_in_threadpool(staged.discard)
            raise UsageError("what was sent is not framed as it says")
        return _Stored(await run_in_threadpool(library.finish, staged), size)
    finally:
        await run_in_threadpool(stack.close)


async def _beginning(body: AsyncIterator[bytes]) -> tuple[bytes, Frame]:
    beginning = b""
    async for chunk in body:
        beginning += chunk
        frame = frame_of(beginning, is_all=False)
        if frame is not None:
            return beginning, frame
        if len(beginning) > LONGEST_HEAD_BYTES:
            break
    return beginning, frame_of(beginning, is_all=True) or Frame(0, b"")


async def _after(first: bytes, body: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    piece = bytearray(first)
    async for chunk in body:
        piece += chunk
        if len(piece) >= _PIECE_BYTES:
            yield bytes(piece)
            piece.clear()
    if piece:
        yield bytes(piece)


def _register(call: Call, library: TeamLibrary, handle: Handle, name: str, content: _Stored) -> None:
    if name == ARCHIVE_NAME:
        manifest = unpacked(library.held_path(content.digest), lambda size, pieces: _put(library, size, pieces))
    else:
        manifest = Manifest((ManifestEntry(name, content.size, content.digest),))
    registered(call, handle, manifest)


def _put(library: TeamLibrary, size: int, pieces: Iterator[bytes]) -> Digest:
    upload = library.begin_upload(None, size)
    with library.receiving(upload.id) as staged:
        try:
            for piece in pieces:
                staged.append(staged.offset, piece)
        except PermanentError:
            staged.discard()
            raise
        return library.finish(staged)


def _list_files(call: Call) -> Response:
    body = fields_of(call)
    identifier = str(body.get("id") or "")
    handle = call.services.handles.find(call.library.team, identifier)
    wanted, number = (identifier, "latest") if handle is None else (str(handle.model_id or ""), str(handle.number))
    if handle is not None and handle.model_id is None:
        return answer([])
    found = call.library.version(wanted, number)
    if found.version.registration.storage is Storage.REFERENCE:
        return answer([])  # what the client cannot get it must not be told of: it saves whatever comes back
    base = base_url(call.request, call.services)
    files = []
    contents = call.library.contents(found.version)
    for content, name in zip(contents, names_to_save([content.entry.path for content in contents]), strict=True):
        file: dict[str, JsonValue] = {"file": name}
        if body.get("links"):
            fields: dict[str, JsonValue] = {
                "team": call.library.team,
                "model": found.model_id,
                "version": found.version.number,
                "path": content.entry.path,
            }
            file["url"] = (
                f"{base}/api/v1/links/{lend(call.services.links, call.principal, LINK_PURPOSE, fields, _DOWNLOAD_SECONDS)}"
            )
        if body.get("size"):
            file["size"] = content.entry.size
        files.append(file)
    return answer(files)


ENDPOINTS: tuple[Endpoint, ...] = (
    *both("GET", "/mlModels/getPresignedModelUrl", Needs.WRITE, _address, name="gradient_upload_address"),
    *both("GET", "/mlModels/listFiles", Needs.READ, _list_files, name="gradient_list_files"),
    Endpoint("PUT", "/gradient/uploads/{token}", Needs.LINK, _receive, Takes.STREAM, name="gradient_upload"),
)
