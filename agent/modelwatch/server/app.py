"""
The ASGI application: endpoints become routes, and every request goes the same way.

    Metered → Guard (host, origin, headers) → identify → authorise → read the body → handle → answer, or tell the error

Nothing is handled before it is known who asks and that they may: `authorise` gives a handler the library of the one team that the
request is about, and a handler has no other way to a model.
"""

from __future__ import annotations

import inspect
import traceback
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from modelwatch.core import log
from modelwatch.core.errors import ModelwatchError, NotFoundError
from modelwatch.server.access.authorise import authorise, unauthenticated
from modelwatch.server.access.bodies import read_form, read_json
from modelwatch.server.access.guard import Guard, Limits
from modelwatch.server.access.identify import identify
from modelwatch.server.endpoint import Call, Endpoint, Needs, Takes
from modelwatch.server.errors import RefusedError, status_of
from modelwatch.server.metering import Metered, note_route
from modelwatch.server.services import Services


class Tell(Protocol):
    """How a part of the server tells errors: as JSON, as Gradient's client reads them, or as a page."""

    def __call__(self, request: Request, services: Services, error: ModelwatchError) -> Response:
        """Return the answer to an error."""


@dataclass(frozen=True, slots=True)
class Part:
    """
    A part of the server.

    Attributes:
        name: For people.
        endpoints: Its routes, the more specific first.
        tell: How it tells errors.
        prefix: What the paths of its requests begin with: who asks for something there that is not, is told in its way.
        media_type: What those who ask it accept. Of parts with one prefix it tells who asks for this; empty for nothing in particular.
    """

    name: str
    endpoints: Sequence[Endpoint]
    tell: Tell
    prefix: str = "/"
    media_type: str = ""

    def is_for(self, request: Request) -> tuple[int, bool]:
        """Return how well a request fits that no route of any part takes; the highest is told by this part."""
        if not request.url.path.startswith(self.prefix):
            return -1, False
        return len(self.prefix), bool(self.media_type) and self.media_type in request.headers.get("accept", "")


def build_app(services: Services, parts: Sequence[Part], limits: Limits, mounts: Sequence[BaseRoute] = ()) -> Metered:
    """
    Return the application.

    Args:
        services: What handlers use. The caller opens and closes it.

        parts: The parts of the server; of two routes that match, the earlier wins.

        limits: What requests may cost.

        mounts: Routes that need no rule: static files.
    """
    routes: list[BaseRoute] = list(mounts)
    for part in parts:
        routes += _routes(part, services)

    async def unknown(request: Request, error: Exception) -> Response:
        part = max(parts, key=lambda part: part.is_for(request))
        status = error.status_code if isinstance(error, HTTPException) else 500
        if status == 405:
            refused: ModelwatchError = RefusedError(
                f"{request.method} is not possible here",
                status=405,
                code="method_not_allowed",
                headers=dict(error.headers or {}),  # type: ignore[attr-defined] # an HTTPException, by its status
            )
        else:
            refused = NotFoundError("there is nothing at this address")
        return part.tell(request, services, refused)

    app = Starlette(routes=routes, exception_handlers={404: unknown, 405: unknown})
    app.router.redirect_slashes = False  # requests would turn a redirected POST into a GET
    return Metered(Guard(_as_sent(app), limits), services.meter)


def _as_sent(app: ASGIApp) -> ASGIApp:
    """
    Let routes match the path as it was sent; `Call.path` decodes a part once it is known which one it is.

    A name that holds a slash stays one part, and a file's name that is not UTF-8 keeps its bytes.
    """

    async def route(scope: Scope, receive: Receive, send: Send) -> None:
        raw = scope.get("raw_path")
        await app(scope if raw is None else {**scope, "path": raw.decode("latin-1")}, receive, send)

    return route


def _routes(part: Part, services: Services) -> list[BaseRoute]:
    """One route for each path: Starlette answers 405 with the methods that a path has only when one route has them all."""
    by_path: dict[str, dict[str, Endpoint]] = {}
    for endpoint in part.endpoints:
        methods = by_path.setdefault(endpoint.path, {})
        if endpoint.method in methods:
            raise ValueError(f"{endpoint.method} {endpoint.path} is declared twice")
        methods[endpoint.method] = endpoint
    return [_route(part, path, methods, services) for path, methods in by_path.items()]


def _route(part: Part, path: str, methods: dict[str, Endpoint], services: Services) -> Route:
    async def answer(request: Request) -> Response:
        note_route(request.scope, path)
        method = "GET" if request.method == "HEAD" and "HEAD" not in methods else request.method
        try:
            return await _answer(methods[method], request, services)
        except ClientDisconnect:
            return Response(status_code=499)  # nobody is there to read it
        except TimeoutError:
            slow = RefusedError("the request took too long to arrive", status=408, code="too_slow")
            return part.tell(request, services, slow)
        except ModelwatchError as error:
            return part.tell(request, services, _without_places(error, services))
        except Exception as error:  # noqa: BLE001 - the top of a request: it is told and the server lives on
            log.error("request failed", request=request.state.request_id, path=path, why=repr(error))
            log.debug("".join(traceback.format_exception(error)))
            message = f"an error of the server itself; its log has the request {request.state.request_id}"
            return part.tell(request, services, ModelwatchError(message))

    return Route(path, answer, methods=list(methods))


def _without_places(error: ModelwatchError, services: Services) -> ModelwatchError:
    """Return an error that does not tell where on the server's disks the repository is: the log does."""
    root = str(services.stores.repository.root)
    if status_of(error)[0] == 503:
        log.debug("a request could not be answered", why=error.message)
    error.message = error.message.replace(root, "the repository")
    error.hint = error.hint.replace(root, "the repository")
    return error


async def _answer(endpoint: Endpoint, request: Request, services: Services) -> Response:
    identity = await run_in_threadpool(identify, request, services)
    request.state.principal = identity.principal
    call = authorise(endpoint, request, services, identity)
    if endpoint.takes is Takes.FORM:
        async with read_form(request, endpoint) as form:
            identity.require_token(request, form)
            return await _handled(endpoint, replace(call, form=form))
    identity.require_token(request)
    if endpoint.takes is Takes.JSON:
        call = replace(call, body=await read_json(request, endpoint))
    return await _handled(endpoint, call)


async def _handled(endpoint: Endpoint, call: Call) -> Response:
    try:
        if inspect.iscoroutinefunction(endpoint.handle):
            response = await endpoint.handle(call)
        else:
            response = await run_in_threadpool(endpoint.handle, call)
    except NotFoundError as error:
        # Whether a thing exists that they may not see is not said: who is unknown is asked for a key, whatever they asked for.
        if endpoint.needs is Needs.READ and call.principal.is_anonymous:
            raise unauthenticated() from error
        raise
    assert isinstance(response, Response)  # noqa: S101 - for the type checker: handlers return responses
    return response
