"""Live updates: server-sent events that say which models of a team have changed (https://html.spec.whatwg.org/#server-sent-events)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from starlette.concurrency import run_in_threadpool
from starlette.responses import Response, StreamingResponse

from modelwatch.core.errors import ModelwatchError
from modelwatch.core.json import dumps
from modelwatch.server.access.identify import identify
from modelwatch.server.accounts.principal import Role
from modelwatch.server.endpoint import Call, Endpoint, Needs, Parameter
from modelwatch.server.errors import RefusedError
from modelwatch.server.feed import Feed

_BEAT_SECONDS = 15.0
"""A comment is sent so often when nothing happens: proxies close what is silent, and a client that is gone is noticed."""


_MEMBERS = "members"
_STRANGERS = "strangers"
_MOST_STREAMS = {_MEMBERS: 1000, _STRANGERS: 100}
"""Each holds a connection open and is looked up for at every change; those who only see what is published keep no member from it."""


async def _events(call: Call, feed: Feed, kind: str) -> AsyncIterator[str]:
    with feed.listening(kind):
        async for text in _told(call, feed):
            yield text


async def _told(call: Call, feed: Feed) -> AsyncIterator[str]:
    feed.attach()
    loop = asyncio.get_running_loop()
    moments = call.services.moments
    beat = loop.time() + _BEAT_SECONDS
    woken = feed.next_call()
    found = await run_in_threadpool(_look, call, _wanted(call))
    if found is not None:
        yield "retry: 2000\n\n"
    while found is not None and not feed.is_closed:
        seen, changed = found
        if changed != ():
            models = None if changed is None else list(changed)
            yield f"id: {moments.sealed(seen)}\nevent: models\ndata: {dumps({'models': models})}\n\n"
            beat = loop.time() + _BEAT_SECONDS
        elif loop.time() >= beat:  # not whenever somebody else's models have changed: that would tell how busy other teams are
            yield ": still here\n\n"
            beat = loop.time() + _BEAT_SECONDS
        await feed.wait(woken, beat - loop.time())
        woken = feed.next_call()
        found = await run_in_threadpool(_look, call, seen)


def _wanted(call: Call) -> int | None:
    """Return since when they want to hear: the event that a broken stream told last, or when their page was made; None: from now on."""
    moment = call.request.headers.get("Last-Event-ID") or call.query("since")
    return None if moment is None else call.services.moments.opened(moment)


def _look(call: Call, seen: int | None) -> tuple[int, tuple[str, ...] | None] | None:
    """
    Return how far the index is and what has changed that they may see now.

    Returns:
        None when they are nobody any more, for this may be days later, or when nothing can be read: whoever listens comes again.
    """
    try:
        principal = identify(call.request, call.services).principal
        library = call.services.library(call.library.team, sees_all=principal.may(call.library.team, Role.VIEWER))
        if call.library.sees_all and not library.sees_all:
            return None
        now = library.generation()
        return now, () if seen is None else library.changed_since(
            seen
        )  # what changes between the two is told twice rather than never
    except ModelwatchError:
        return None


async def _live(call: Call) -> Response:
    feed, kind = call.services.stores.feed, _MEMBERS if call.library.sees_all else _STRANGERS
    if feed.listeners(kind) >= _MOST_STREAMS[kind]:
        raise RefusedError("too many listen already", status=503, code="too_many", headers={"Retry-After": "60"})
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(_events(call, feed, kind), media_type="text/event-stream", headers=headers)


ENDPOINTS = (
    Endpoint(
        "GET",
        "/api/v1/teams/{team}/events",
        Needs.READ,
        _live,
        name="events",
        text="Server-sent events: `models` with the ids of those that have changed, or null when they are very many.",
        parameters=(Parameter("since", "The `id` of an event: what has changed since is told first. So is `Last-Event-ID`."),),
        answers={200: None},
        documented=True,
    ),
)
