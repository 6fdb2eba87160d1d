"""
Counting requests: how many, how they ended, how long they took, and how many bytes of bodies came and went.

What is counted is told by route, never by path: no name of a team, model or person becomes a label.
"""

from __future__ import annotations

import bisect
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from modelwatch.core.prometheus import family, histogram

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_BOUNDS_SECONDS = (0.005, 0.02, 0.1, 0.5, 2.0, 10.0, 60.0, float("inf"))
_NO_ROUTE = "none"
_ROUTE = "route"


def note_route(scope: Scope, path: str) -> None:
    """Say which route answers a request: the template of its path."""
    scope["state"][_ROUTE] = path


@dataclass(slots=True)
class _Route:
    """What was counted of one method of one route."""

    statuses: dict[int, int] = field(default_factory=dict)
    ended: list[int] = field(default_factory=lambda: [0] * len(_BOUNDS_SECONDS))
    seconds: float = 0.0
    received: int = 0
    sent: int = 0


class Meter:
    """What was counted since the server was started. Threads may share it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._routes: dict[tuple[str, str], _Route] = {}
        self._in_progress = 0

    def begin(self) -> None:
        """Count a request that has come."""
        with self._lock:
            self._in_progress += 1

    def end(  # noqa: PLR0913 - what is known of one request
        self, method: str, route: str, *, status: int, seconds: float, received: int, sent: int
    ) -> None:
        """Count a request that has ended. Methods that nobody knows are one: who asks must not be able to make labels."""
        with self._lock:
            self._in_progress -= 1
            counted = self._routes.setdefault((method if method in _METHODS else "other", route), _Route())
            counted.statuses[status] = counted.statuses.get(status, 0) + 1
            counted.ended[bisect.bisect_left(_BOUNDS_SECONDS, seconds)] += 1
            counted.seconds += seconds
            counted.received += received
            counted.sent += sent

    def families(self) -> Iterator[str]:
        """Give the figures in Prometheus' text format."""
        with self._lock:
            routes = [({"method": method, "route": route}, counted) for (method, route), counted in sorted(self._routes.items())]
            yield family(
                "modelwatch_http_requests_total",
                "counter",
                "Requests that have ended, by route and status.",
                [
                    ({**labels, "status": str(status)}, number)
                    for labels, counted in routes
                    for status, number in sorted(counted.statuses.items())
                ],
            )
            yield histogram(
                "modelwatch_http_request_duration_seconds",
                "From a request's head to the last byte of its answer.",
                [(labels, _not_above(counted.ended), counted.seconds) for labels, counted in routes],
            )
            yield family(
                "modelwatch_http_received_bytes_total",
                "counter",
                "Bytes of requests' bodies.",
                [(labels, counted.received) for labels, counted in routes],
            )
            yield family(
                "modelwatch_http_sent_bytes_total",
                "counter",
                "Bytes of answers' bodies.",
                [(labels, counted.sent) for labels, counted in routes],
            )
            in_progress = "Requests that are being answered, those that wait for changes among them."
            yield family("modelwatch_http_requests_in_progress", "gauge", in_progress, [({}, self._in_progress)])


def _not_above(ended: list[int]) -> dict[float, int]:
    total, found = 0, {}
    for bound, number in zip(_BOUNDS_SECONDS, ended, strict=True):
        total += number
        found[bound] = total
    return found


class Metered:
    """The application, each of whose requests a `Meter` counts."""

    def __init__(self, app: ASGIApp, meter: Meter) -> None:
        self._app = app
        self._meter = meter

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        received = sent = 0
        status = 500  # what uvicorn answers when nothing else did

        async def receive_counted() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            return message

        async def send_counted(message: Message) -> None:
            nonlocal sent, status
            if message["type"] == "http.response.start":
                status = message["status"]
            else:
                sent += len(message.get("body", b""))
            await send(message)

        begun = time.perf_counter()
        self._meter.begin()
        try:
            await self._app(scope, receive_counted, send_counted)
        finally:
            route = scope.get("state", {}).get(_ROUTE, _NO_ROUTE)
            seconds = time.perf_counter() - begun
            self._meter.end(scope["method"], route, status=status, seconds=seconds, received=received, sent=sent)
