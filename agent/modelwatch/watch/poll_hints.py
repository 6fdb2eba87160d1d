"""Looking again every so often, where the file system does not tell of changes."""

from __future__ import annotations

import threading

from modelwatch.core.clock import Clock, SystemClock
from modelwatch.watch.hint import Hint


class PollHints:
    """
    Hints that everything may have changed, at regular times.

    Args:
        seconds: From the end of one look to the beginning of the next.

        clock: The real one, but for tests.
    """

    def __init__(self, seconds: float, clock: Clock | None = None) -> None:
        self._seconds = seconds
        self._clock = clock or SystemClock()
        self._woken = threading.Event()
        self._due: float | None = None  # monotonic seconds; None after a hint, until somebody waits again: the look may take long

    def wait(self, timeout_seconds: float) -> Hint:
        """Wait until it is time to look, at most `timeout_seconds`."""
        if self._due is None:
            self._due = self._clock.monotonic() + self._seconds
        remaining = self._due - self._clock.monotonic()
        if self._clock.wait(self._woken, max(0.0, min(timeout_seconds, remaining))):
            self._woken.clear()
        if self._clock.monotonic() < self._due:
            return Hint()
        self._due = None
        return Hint(everything=True)

    def wake(self) -> None:
        """End the wait that is going on, or else the next one."""
        self._woken.set()

    def close(self) -> None:
        """Nothing is open."""
