"""Wakes the coroutines that wait for a change of what the repository shows, from whatever thread the change is made in."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Iterator


class Feed:
    """
    One wake-up call for everybody who waits.

    It carries nothing: who is woken asks the index what changed. Who will wait takes the next call before asking, and waits for that one: so what
    changes while they ask wakes them as well.
    """

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._next = asyncio.Event()
        self._generation = 0
        self._closed = False
        self._listeners: Counter[str] = Counter()

    @contextlib.contextmanager
    def listening(self, kind: str) -> Iterator[None]:
        """Count one more of a kind that listens, while the block runs. Called in the event loop, as `listeners`."""
        self._listeners[kind] += 1
        try:
            yield
        finally:
            self._listeners[kind] -= 1

    def listeners(self, kind: str) -> int:
        """Return how many of a kind listen."""
        return self._listeners[kind]

    def attach(self) -> None:
        """Let the running event loop be the one in which coroutines wait."""
        self._loop = asyncio.get_running_loop()

    def wake(self, generation: int) -> None:
        """Wake all who wait, for the index has come to a generation. Called from any thread."""
        self._generation = generation
        self._call()

    @property
    def generation(self) -> int:
        """The latest generation of the index that all were woken for."""
        return self._generation

    def _call(self) -> None:
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop has ended: nobody waits any more
                self._loop.call_soon_threadsafe(self._wake)

    def close(self) -> None:
        """Wake all who wait, and let nobody wait again: the server ends."""
        self._closed = True
        self._call()

    @property
    def is_closed(self) -> bool:
        """Whether the server ends."""
        return self._closed

    def next_call(self) -> asyncio.Event:
        """Return what is set by the next call. Called in the event loop."""
        return self._next

    async def wait(self, call: asyncio.Event, seconds: float) -> None:
        """Wait for a call, at most for a time."""
        if not self._closed:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(call.wait(), seconds)

    def _wake(self) -> None:
        waited_for, self._next = self._next, asyncio.Event()
        waited_for.set()
