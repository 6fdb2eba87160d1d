"""Live updates: server-sent events that say which models of a team have changed (https://html.spec.whatwg.org/#server-sent-events)."""

from __future__ import annotations

from collections.abc import AsyncIterator

from starlette.concurrency import run_in_threadpool
from starlette.responses import Response, StreamingResponse

from modelwatch.core.json import dumps
from modelwatch.server.endpoint import Call, Endpoint, Needs
from modelwatch.server.feed import Feed
from modelwatch.server.library import TeamLibrary

_BEAT_SECONDS = 15.0
"""A comment is sent so often when nothing happens: proxies close what is silent, and a client that is gone is noticed."""


async def _events(library: TeamLibrary, feed: Feed) -> AsyncIterator[str]:
    feed.attach()
    seen = await run_in_threadpool(library.generation)
    yield "retry: 2000\n\n"
    while not feed.is_closed:
        await feed.wait(_BEAT_SECONDS)
        now = await run_in_threadpool(library.generation)
        changed = await run_in_threadpool(library.changed_since, seen)
        seen = now  # what changes between the two is told twice rather than never
        if changed:
            yield f"event: models\ndata: {dumps({'models': list(changed)})}\n\n"
        else:
            yield ": still here\n\n"


async def _live(call: Call) -> Response:
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(_events(call.library, call.services.stores.feed), media_type="text/event-stream", headers=headers)


ENDPOINTS = (
    Endpoint(
        "GET",
        "/api/v1/teams/{team}/events",
        Needs.READ,
        _live,
        name="events",
        text="Server-sent events: `models` with the ids of those that have changed.",
        answers={200: None},
        documented=True,
    ),
)
