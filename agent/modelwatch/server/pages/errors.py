"""Errors as the pages tell them: what happened, and what to do."""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from modelwatch.core.errors import ModelwatchError
from modelwatch.server.accounts.principal import ANONYMOUS
from modelwatch.server.errors import error_response, headers_of, status_of
from modelwatch.server.pages.rendering import error_page
from modelwatch.server.services import Services

_HEADINGS: Final = {
    400: "That is not possible",
    401: "Sign in first",
    403: "You may not do this",
    404: "There is nothing here",
    405: "That is not possible here",
    408: "It took too long",
    409: "That does not fit any more",
    413: "That is too large",
    422: "That was refused",
    429: "Too many attempts",
    503: "The server cannot do this now",
}
_HINTS: Final = {
    404: "It may have been deleted or renamed, or you may have to sign in, or to switch to another team, to see it.",
    413: "Send it with JavaScript switched on, in parts, or with `modelwatch models upload`.",
    503: "Try again in a moment.",
}


def tell(request: Request, services: Services, error: ModelwatchError) -> Response:
    """Return the answer to an error: a page, and JSON for scripts."""
    del services
    status, _ = status_of(error)
    if "application/json" in request.headers.get("accept", ""):
        return error_response(error, request.state.request_id)
    if status == 401 and request.method in {"GET", "HEAD"}:
        wanted = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        return RedirectResponse(f"/login?next={quote(wanted)}", 303)
    response = error_page(
        request,
        getattr(
            request.state, "principal", ANONYMOUS
        ),  # a wrong key, or accounts that cannot be read: the page is shown all the same
        status,
        title=_HEADINGS.get(status, "An error"),
        heading=_HEADINGS.get(status, "Something went wrong"),
        message=error.message,
        hint=error.hint or _HINTS.get(status, ""),
        request_id=request.state.request_id,
    )
    response.headers.update(headers_of(error))
    return response
