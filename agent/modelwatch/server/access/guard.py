"""
What is checked of every request before anybody looks at it, and what every answer says to browsers.

- The Host header names this server: a name that somebody else's DNS points at us (DNS rebinding) is refused.
- A request that changes something and was made by another site's page is refused (CSRF), whoever the browser thinks is logged in:
  ``Sec-Fetch-Site`` where the browser sends it, else ``Origin``. Programs send neither.
- Bodies come in a reasonable time, and say in one way only where they end (RFC 9112, 6.1: a proxy may have believed the other one).
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from modelwatch.core.identifiers import is_ulid, new_ulid
from modelwatch.server.access.hosts import host_name, is_loopback, is_numeric
from modelwatch.server.errors import RefusedError, error_response

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})

_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
"""For every answer that does not say otherwise. ``Cache-Control`` is ``no-store`` in the same way: most answers are somebody's."""


ANY_NUMERIC = "numeric"
"""In `Limits.allowed_hosts`: every host that is given as a number, which no name server can make mean this one."""


@dataclass(frozen=True, slots=True)
class Limits:
    """
    What requests may cost.

    Attributes:
        allowed_hosts: Names that the Host header may give, lower-case, besides those of this machine; ``*`` is any, `ANY_NUMERIC` any number.
        chunk_seconds: How long the next part of a body may take.
        slowest_bytes_per_second: A body may keep us waiting for `chunk_seconds` and for what this pace needs for what came, together.
    """

    allowed_hosts: Collection[str] = ()
    chunk_seconds: float = 60.0
    slowest_bytes_per_second: float = 500.0

    def allows(self, name: str) -> bool:
        """Return whether a request may be for this host."""
        if is_loopback(name) or name in self.allowed_hosts or "*" in self.allowed_hosts:
            return True
        return ANY_NUMERIC in self.allowed_hosts and is_numeric(name)


class Guard:
    """
    The outermost part of the application.

    Every request gets an id, which answers and errors carry as ``X-Request-Id``: the caller's own where it is a ULID.
    """

    def __init__(self, app: ASGIApp, limits: Limits) -> None:
        self._app = app
        self._limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        given = headers.get("x-request-id", "")
        request_id = given if is_ulid(given) else new_ulid()
        scope.setdefault("state", {})["request_id"] = request_id

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                answer = MutableHeaders(scope=message)
                answer["X-Request-Id"] = request_id
                for name, value in _HEADERS.items():
                    answer.setdefault(name, value)
                answer.setdefault("Cache-Control", "no-store")
            await send(message)

        try:
            self._check(scope, headers)
        except RefusedError as error:
            await error_response(error, request_id)(scope, receive, send_guarded)
            return
        await self._app(scope, self._timed(receive), send_guarded)

    def _check(self, scope: Scope, headers: Headers) -> None:
        host = headers.get("host", "")
        name = host_name(host)
        if len(headers.getlist("host")) != 1 or name is None:
            raise RefusedError("the Host header is not a host", status=400, code="bad_host")
        if not self._limits.allows(name):
            raise RefusedError(
                f"this server does not answer for {name}",
                status=421,
                code="bad_host",
                hint="the one who runs it can allow the name: `modelwatch serve --allowedHost NAME`",
            )
        framing = [value.strip().lower() for value in headers.getlist("transfer-encoding")]
        if framing and (framing != ["chunked"] or "content-length" in headers):
            message = "the request says in two ways where it ends, or in one that nobody here knows"
            raise RefusedError(message, status=400, code="bad_request", headers={"Connection": "close"})
        if scope["method"] not in SAFE_METHODS and _from_another_site(headers, host):
            raise RefusedError("a page of another site asked for this", status=403, code="cross_site")

    def _timed(self, receive: Receive) -> Receive:
        """
        Return what receives a body in time; who has sent all of it may stay connected as long as the answer takes.

        Only waiting counts: what the server itself needs to write a part down is not the sender's fault.
        """
        whole, left = False, self._limits.chunk_seconds

        async def receive_in_time() -> Message:
            nonlocal whole, left
            if whole:
                return await receive()
            clock = asyncio.get_running_loop().time
            began = clock()
            async with asyncio.timeout(
                min(left, self._limits.chunk_seconds)
            ):  # `wait_for` would make a task of each of many pieces
                message = await receive()
            left += len(message.get("body", b"")) / self._limits.slowest_bytes_per_second - (clock() - began)
            whole = not message.get("more_body", False)
            return message

        return receive_in_time


def _from_another_site(headers: Headers, host: str) -> bool:
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site not in {"same-origin", "none"}
    origin = headers.get("origin")
    return origin is not None and urlsplit(origin).netloc.lower() != host.lower()
