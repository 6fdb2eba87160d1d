"""How Gradient's service answers: bare JSON, and errors in the shape that its client prints."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from modelwatch.core.errors import ModelwatchError
from modelwatch.core.json import JsonValue, dumps, finite
from modelwatch.server.endpoint import Call
from modelwatch.server.errors import headers_of, status_of
from modelwatch.server.services import Services

_NO_TOKEN = "No such API token"  # noqa: S105 - the words of the real service


def answer(value: JsonValue, status: int = 200) -> Response:
    """Return a JSON answer."""
    return Response(dumps(finite(value)), status, media_type="application/json")


def fields_of(call: Call) -> dict[str, JsonValue]:
    """Return the fields of what was sent; none of anything but an object."""
    return call.body if isinstance(call.body, dict) else {}


def tell(request: Request, services: Services, error: ModelwatchError) -> Response:
    """Return the answer to an error: ``{"error": {"name", "status", "message"}}``, and the real service's own one to a wrong key."""
    del request, services
    status, _ = status_of(error)
    if status == 401:
        response = answer({"status": 401, "message": _NO_TOKEN}, 401)
    else:
        message = f"{error.message} ({error.hint})" if error.hint else error.message
        response = answer({"error": {"name": "Error", "status": status, "message": message}}, status)
    response.headers.update(headers_of(error))
    return response
