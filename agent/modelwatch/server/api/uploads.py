"""
Content on its way in: what is missing, and uploads that go on where they broke off.

    POST uploads {"digest", "size"} → PATCH with Upload-Offset, as often as needed → the last byte answers the digest

HEAD tells how far an upload has come. A part that arrives is kept as far as it arrived.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from modelwatch.core.digest import Digest
from modelwatch.core.errors import UsageError
from modelwatch.repository.storage.staging import StagedUpload
from modelwatch.server.api.answers import answer, nothing
from modelwatch.server.api.schemas import BYTES, DIGEST, TEXT, listed, nullable, obj, ref
from modelwatch.server.endpoint import Call, Endpoint, Needs, Takes
from modelwatch.server.errors import ConflictError

OFFSET_HEADER = "Upload-Offset"
_PIECE_BYTES = 1 << 20
_SYNC_BYTES = 16 << 20
_SIZED = obj({"digest": DIGEST, "size": BYTES})


def _missing(call: Call) -> Response:
    asked = [(Digest.parse(blob["digest"]), int(blob["size"])) for blob in call.body["blobs"]]
    missing = call.library.missing(asked)
    return answer(call, {"missing": [{"digest": str(digest), "size": size} for digest, size in missing]})


def _begin(call: Call) -> Response:
    digest = None if call.body.get("digest") is None else Digest.parse(call.body["digest"])
    size = int(call.body["size"])
    if digest is not None and not call.library.missing([(digest, size)]):
        return answer(call, {"digest": str(digest), "size": size})
    upload = call.library.begin_upload(digest, size)
    response = answer(call, {"id": upload.id, "offset": 0, "size": size}, 201)
    response.headers["Location"] = f"{call.request.url.path}/{upload.id}"
    response.headers[OFFSET_HEADER] = "0"
    return response


def _progress(call: Call) -> Response:
    upload, offset = call.library.upload(call.path("upload"))
    return Response(None, 200, {OFFSET_HEADER: str(offset), "Upload-Length": str(upload.size)})


def _abandon(call: Call) -> Response:
    call.library.abandon_upload(call.path("upload"))
    return nothing()


async def _append(call: Call) -> Response:
    text = call.request.headers.get(OFFSET_HEADER, "")
    if not (text.isascii() and text.isdigit()):
        raise UsageError(f"the header {OFFSET_HEADER} is missing: where in the content do these bytes belong?")
    stack = contextlib.ExitStack()
    staged = await run_in_threadpool(stack.enter_context, call.library.receiving(call.path("upload")))
    try:
        _require_offset(staged, int(text[:20]))
        await _receive(call.request, staged)
        digest = await run_in_threadpool(call.library.finish, staged) if staged.offset == staged.size else None
    finally:
        await run_in_threadpool(stack.close)
    headers = {OFFSET_HEADER: str(staged.offset)}
    if digest is None:
        return Response(None, 204, headers)
    response = answer(call, {"digest": str(digest), "size": staged.size})
    response.headers.update(headers)
    return response


def _require_offset(staged: StagedUpload, offset: int) -> None:
    if offset != staged.offset:
        raise ConflictError(
            f"the upload stands at {staged.offset}, not at {offset}", hint="go on from there", details={"offset": staged.offset}
        )


async def _receive(request: Request, staged: StagedUpload) -> None:
    """
    Write what arrives, three things at once: a piece is received, the one before is written and hashed, and those before are made durable.

    The end of a request makes durable what is left (`Transfers.going_on`); it would wait for the disk while nothing arrives.
    """
    offset, unsynced = staged.offset, 0
    writing: asyncio.Task[None] = asyncio.create_task(_nothing())
    syncing: asyncio.Task[None] = asyncio.create_task(_nothing())
    try:
        async for piece in _pieces(request):
            length = sum(map(len, piece))
            if offset + length > staged.size:
                raise UsageError(f"the upload has {staged.size} bytes, and more arrived")
            await writing
            if unsynced >= _SYNC_BYTES and syncing.done():
                await syncing
                syncing, unsynced = asyncio.create_task(run_in_threadpool(staged.sync)), 0
            writing = asyncio.create_task(run_in_threadpool(_append_all, staged, offset, piece))
            offset += length
            unsynced += length
    finally:
        await asyncio.wait((writing, syncing))  # whatever happened: the file is theirs until both have ended
    await writing
    await syncing


async def _nothing() -> None:
    """Be done."""


def _append_all(staged: StagedUpload, offset: int, piece: Sequence[bytes]) -> None:
    for chunk in piece:
        staged.append(offset, chunk)
        offset += len(chunk)


async def _pieces(request: Request) -> AsyncIterator[Sequence[bytes]]:
    """
    Give what arrives in pieces that are worth the way to a thread; what arrived before a connection broke comes as well.

    A piece is the chunks that it came in: putting them together would be one more copy of everything.
    """
    piece: list[bytes] = []
    length = 0
    try:
        async for chunk in request.stream():
            piece.append(chunk)
            length += len(chunk)
            if length >= _PIECE_BYTES:
                yield piece
                piece, length = [], 0
    except ClientDisconnect:
        if piece:
            yield piece
        raise
    if piece:
        yield piece


_UPLOADS = "/api/v1/teams/{team}/uploads"

ENDPOINTS = (
    Endpoint(
        "POST",
        "/api/v1/teams/{team}/blobs/missing",
        Needs.WRITE,
        _missing,
        Takes.JSON,
        name="missing_blobs",
        text="Which of some contents the team has not uploaded yet.",
        body=obj({"blobs": listed(_SIZED, maxItems=200_000)}, closed=True),
        answers={200: obj({"missing": listed(_SIZED)})},
        documented=True,
        limit_bytes=64 << 20,
    ),
    Endpoint(
        "POST",
        _UPLOADS,
        Needs.WRITE,
        _begin,
        Takes.JSON,
        name="begin_upload",
        text="Begin to upload content; 200 when the team has uploaded it before. Without a digest the server finds it out.",
        body=obj({"size": BYTES}, {"digest": nullable(DIGEST)}, closed=True),
        answers={201: obj({"id": TEXT, "offset": BYTES, "size": BYTES}), 200: _SIZED},
        documented=True,
    ),
    Endpoint(
        "HEAD",
        _UPLOADS + "/{upload}",
        Needs.WRITE,
        _progress,
        name="upload_progress",
        text="How many bytes have arrived: the header Upload-Offset.",
        answers={200: None},
        documented=True,
    ),
    Endpoint(
        "PATCH",
        _UPLOADS + "/{upload}",
        Needs.WRITE,
        _append,
        Takes.STREAM,
        name="append_to_upload",
        text="Send the next bytes; the header Upload-Offset says where they belong. The last ones are answered with the digest.",
        answers={204: None, 200: _SIZED, 409: ref("Error")},
        documented=True,
    ),
    Endpoint(
        "DELETE",
        _UPLOADS + "/{upload}",
        Needs.WRITE,
        _abandon,
        name="abandon_upload",
        text="Forget an upload.",
        answers={204: None},
        documented=True,
    ),
)
