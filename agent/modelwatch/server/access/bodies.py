"""Bodies of requests that are held in memory: never longer than their endpoint allows, whatever the headers say."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import AsyncIterator

import jsonschema
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import Message, Receive

from modelwatch.core.errors import UsageError
from modelwatch.core.json import JsonValue, dumps, loads, loads_foreign
from modelwatch.server.access.plain_schemas import Validator
from modelwatch.server.endpoint import Endpoint
from modelwatch.server.errors import RefusedError

_LARGEST_FIELD_BYTES = 1 << 20
_MOST_FILES = 10_000
_SMALL_BYTES = 64 << 10


def too_large(limit_bytes: int) -> RefusedError:
    """Return the answer to a body that is longer than it may be."""
    return RefusedError(f"the body is longer than {limit_bytes} bytes", status=413, code="too_large")


async def read_whole(request: Request, limit_bytes: int) -> bytes:
    """
    Return a body.

    Raises:
        RefusedError: It is longer than `limit_bytes`.
    """
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > limit_bytes:
        raise too_large(limit_bytes)
    data = bytearray()
    async for chunk in request.stream():
        data += chunk
        if len(data) > limit_bytes:
            raise too_large(limit_bytes)
    return bytes(data)


async def read_json(request: Request, endpoint: Endpoint) -> JsonValue:
    """
    Return the JSON value of a body that fits its endpoint's schema.

    Raises:
        UsageError: It is no JSON, or not what the schema says.

        RefusedError: It is too long.
    """
    data = await read_whole(request, endpoint.limit_bytes)
    if len(data) <= _SMALL_BYTES:
        return _parsed(data, endpoint)
    return await run_in_threadpool(_parsed, data, endpoint)  # long enough to keep everybody else waiting


def _parsed(data: bytes, endpoint: Endpoint) -> JsonValue:
    try:
        value = loads_foreign(data) if data.strip() else None
    except ValueError as error:
        raise UsageError(f"the body is not JSON: {error}") from error
    if endpoint.body is not None:
        check(value, endpoint.body)
    return value


def check(value: JsonValue, schema: JsonValue) -> None:
    """Raise UsageError, with where and what, when a value is not what a JSON Schema says."""
    problem = next(_validator(dumps(schema)).iter_errors(value), None)
    if problem is not None:
        where = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in problem.absolute_path)
        raise UsageError(f"the body is not right: body{where}: {problem.message[:300]}")


@functools.cache
def _validator(schema: str) -> jsonschema.protocols.Validator:
    return Validator(loads(schema))


@contextlib.asynccontextmanager
async def read_form(request: Request, endpoint: Endpoint) -> AsyncIterator[FormData]:
    """
    Give a form; its files are temporary files that are gone afterwards.

    Raises:
        UsageError: It is no form.

        RefusedError: It is too long.
    """
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > endpoint.limit_bytes:
        raise too_large(endpoint.limit_bytes)
    limited = Request(request.scope, _limited(request, endpoint.limit_bytes))
    try:
        form = await limited.form(max_files=_MOST_FILES, max_part_size=_LARGEST_FIELD_BYTES)
    except HTTPException as error:  # Starlette's, for what is not a form
        raise UsageError(f"the form cannot be read: {error.detail}") from error
    try:
        yield form
    finally:
        await form.close()


def _limited(request: Request, limit_bytes: int) -> Receive:
    taken = 0

    async def receive() -> Message:
        nonlocal taken
        message = await request.receive()
        taken += len(message.get("body", b""))
        if taken > limit_bytes:
            raise too_large(limit_bytes)
        return message

    return receive
