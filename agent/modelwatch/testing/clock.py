"""A clock that a test moves."""

from __future__ import annotations

import threading


class FakeClock:
    """
    Implements `modelwatch.core.clock.Clock` without time passing: a wait moves the clock to its end at once.

    Args:
        now: Seconds since the epoch at the start.
    """

    def __init__(self, now: float = 1_700_000_000.0) -> None:
        self._now = now
        self._monotonic = 1000.0
        self._lock = threading.Lock()

    def now(self) -> float:
        """Return the wall time in seconds since the epoch."""
        return self._now

    def monotonic(self) -> float:
        """Return seconds that never go backwards."""
        return self._monotonic

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        with self._lock:
            self._now += seconds
            self._monotonic += seconds

    def wait(self, event: threading.Event, seconds: float) -> bool:
        """Let `seconds` pass unless `event` is set; return whether it is."""
        if not event.is_set():
            self.advance(seconds)
        return event.is_set()
