"""Errors as the server tells them: one JSON shape for programs; the pages have their own."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.responses import Response

from modelwatch.core.errors import (
    ConfigError,
    ModelwatchError,
    NotFoundError,
    PermanentError,
    StateError,
    TransientError,
    UsageError,
)
from modelwatch.core.json import JsonValue, dumps, finite


class RefusedError(ModelwatchError):
    """
    The one who asks may not.

    Args:
        message: What was asked for.

        status: 401 when it is not known who asks, 403 when it is, 413, 429 and others for what the server does not take.

        code: For programs.

        headers: To answer with, for example ``Retry-After``.
    """

    exit_code = 77  # EX_NOPERM

    def __init__(self, message: str, *, status: int, code: str, hint: str = "", headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message, hint=hint)
        self.status = status
        self.code = code
        self.headers = dict(headers or {})


class ConflictError(PermanentError):
    """
    What was asked for does not fit what is there.

    Args:
        message: Why.

        details: Fields that the answer carries besides the error.
    """

    def __init__(self, message: str, *, hint: str = "", details: Mapping[str, JsonValue] | None = None) -> None:
        super().__init__(message, hint=hint)
        self.details = dict(details or {})


_KINDS: tuple[tuple[type[ModelwatchError], int, str], ...] = (
    (UsageError, 400, "bad_request"),
    (ConfigError, 400, "bad_request"),
    (NotFoundError, 404, "not_found"),
    (ConflictError, 409, "conflict"),
    (PermanentError, 422, "refused"),
    (TransientError, 503, "unavailable"),
    (StateError, 503, "unavailable"),
)

_RETRY_SECONDS = 5


def status_of(error: ModelwatchError) -> tuple[int, str]:
    """Return the HTTP status and the code of an error."""
    if isinstance(error, RefusedError):
        return error.status, error.code
    for kind, status, code in _KINDS:
        if isinstance(error, kind):
            return status, code
    return 500, "internal"


def headers_of(error: ModelwatchError) -> dict[str, str]:
    """Return the headers that an error is answered with."""
    if isinstance(error, RefusedError):
        return error.headers
    if status_of(error)[0] == 503:
        wish = error.retry_after_seconds if isinstance(error, TransientError) else None
        return {"Retry-After": str(max(1, round(wish or _RETRY_SECONDS)))}
    return {}


def error_json(code: str, message: str, hint: str, request_id: str) -> JsonValue:
    """Return the body of every error that the API answers."""
    return {"error": {"code": code, "message": message, "hint": hint, "request_id": request_id}}


def error_response(error: ModelwatchError, request_id: str) -> Response:
    """Return the answer to an error, for programs. What they sent may stand in it, and be no UTF-8."""
    status, code = status_of(error)
    body = error_json(code, error.message, error.hint, request_id)
    if isinstance(error, ConflictError):
        body.update(error.details)
    return Response(dumps(finite(body)).encode("ascii"), status, headers_of(error), media_type="application/json")
