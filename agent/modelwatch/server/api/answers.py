"""How the API answers: JSON that a cache may ask about again, pages of lists, and errors."""

from __future__ import annotations

import hashlib

from starlette.requests import Request
from starlette.responses import Response

from modelwatch.core.errors import ModelwatchError, UsageError
from modelwatch.core.json import JsonValue, dumps, finite
from modelwatch.server.endpoint import Call
from modelwatch.server.errors import error_response
from modelwatch.server.services import Services

_JSON = "application/json"


def answer(call: Call, value: JsonValue, status: int = 200) -> Response:
    """
    Return a JSON answer.

    Answers to GET carry an ETag made of the body, and are 304 when the caller has the same already. It is not made of any counter of
    changes: such a counter would tell a team how busy the others are.
    """
    body = _text(value).encode("ascii")
    if call.request.method not in {"GET", "HEAD"} or status != 200:
        return Response(body, status, media_type=_JSON)
    tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    headers = {"ETag": tag, "Cache-Control": "private, no-cache", "Vary": "Authorization, Cookie, X-API-Key"}
    known = [text.strip().removeprefix("W/") for text in call.request.headers.get("if-none-match", "").split(",")]
    if tag in known or "*" in known:
        return Response(None, 304, headers)
    return Response(body, status, headers, media_type=_JSON)


def _text(value: JsonValue) -> str:
    """Return the text of an answer. Hardly any holds a number that JSON cannot: looking for one first would cost as much as writing it."""
    try:
        return dumps(value)
    except (ValueError, TypeError):
        return dumps(finite(value))


def nothing() -> Response:
    """Return the answer to what is done and has nothing to tell."""
    return Response(status_code=204)


def tell(request: Request, services: Services, error: ModelwatchError) -> Response:
    """Return the answer to an error."""
    del services
    return error_response(error, request.state.request_id)


def whole_number(call: Call, name: str, *, default: int, most: int) -> int:
    """
    Return a number of the query, from 1 to `most`.

    Raises:
        UsageError: It is something else.
    """
    text = call.query(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and 0 < int(text[:20]) <= most):
        raise UsageError(f"{name} is not a number from 1 to {most}: {text[:50]!r}")
    return int(text)


def one_of(call: Call, name: str, words: tuple[str, ...]) -> str | None:
    """Return a word of the query, None when it is not given. Raise UsageError when it is none of `words`."""
    text = call.query(name)
    if text is not None and text not in words:
        raise UsageError(f"{name} is none of {', '.join(words)}: {text[:50]!r}")
    return text
