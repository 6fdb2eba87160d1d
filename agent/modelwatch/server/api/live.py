"""Live updates: server-sent events that say which models of a team have changed (https://html.spec.whatwg.org/#server-sent-events)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

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


@dataclass(frozen=True, slots=True)
class _Found:
    """
    What a look at the index has found.

    Attributes:
        generation: How far it is.
        changed: The ids of what has changed; None when that is too much to be named.
    """

    generation: int
    changed: tuple[str, ...] | None


async def _events(call: Call, feed: Feed, kind: str) -> AsyncIterator[str]:
    with feed.listening(kind):
        async for text in _told(call, feed):
            yield text


async def _told(call: Call, feed: Feed) -> AsyncIterator[str]:
    feed.attach()
    loop = asyncio.get_running_loop()
    beat = loop.time() + _BEAT_SECONDS
    woken = feed.next_call()
    found = await run_in_threadpool(_look, call, _since(call))
    if found is not None:
        yield "retry: 2000\n\n"
    while found is not None and not feed.is_closed:
        if found.changed != ():
            yield _event(call, found)
            beat = loop.time() + _BEAT_SECONDS
        elif loop.time() >= beat:  # not whenever somebody else's models have changed: that would tell how busy other teams are
            yield ": still here\n\n"
            beat = loop.time() + _BEAT_SECONDS
        await feed.wait(woken, beat - loop.time())
        woken = feed.next_call()
        found = await run_in_threadpool(_look, call, found.generation)


def _event(call: Call, found: _Found) -> str:
    models = None if found.changed is None else list(found.changed)
    return f"id: {call.services.moments.sealed(found.generation)}\nevent: models\ndata: {dumps({'models': models})}\n\n"


def _since(call: Call) -> int | None:
    """
    Return since which generation they want to hear: that of the event that a broken stream told last, or of their page.

    Returns:
        None when they do not say it: from now on; 0, before everything, when it is not understood, for then they have missed something.
    """
    given = [moment for moment in (call.request.headers.get("Last-Event-ID"), call.query("since")) if moment]
    opened = [generation for moment in given if (generation := call.services.moments.opened(moment)) is not None]
    return next(iter(opened), 0 if given else None)


def _look(call: Call, seen: int | None) -> _Found | None:
    """
    Return how far the index is and what has changed that they may see now.

    Args:
        call: Theirs.

        seen: Since which generation; None for nothing yet.

    Returns:
        None when they are nobody any more, for this may be days later, or when nothing can be read: whoever listens comes again.
    """
    try:
        principal = identify(call.request, call.services).principal
        library = call.services.library(call.library.team, sees_all=principal.may(call.library.team, Role.VIEWER))
        if call.library.sees_all and not library.sees_all:
            return None
        now = library.generation()
        if seen is None:
            return _Found(now, ())
        if seen > now:  # it is another index's: this one was made earlier, or by a clock that goes after the other's
            seen = 0
        return _Found(now, library.changed_since(seen))  # what changes between the two is told twice rather than never
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
        parameters=(
            Parameter("since", "The `id` of an event, if there is no `Last-Event-ID`: what has changed since is told first."),
        ),
        answers={200: None},
        documented=True,
    ),
)
