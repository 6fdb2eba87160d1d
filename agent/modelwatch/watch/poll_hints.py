"""Looking again every so often, where the file system tells nothing."""

from __future__ import annotations

import threading

from modelwatch.watch.hints import Hint


class PollHints:
    """
    Hints that everything may have changed, at regular times.

    Args:
        seconds: Between two hints.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._woken = threading.Event()

    def wait(self, timeout_seconds: float) -> Hint:
        """Wait for the next time to look."""
        if timeout_seconds <= 0:
            return Hint()
        if self._woken.wait(min(timeout_seconds, self._seconds)):
            self._woken.clear()
            return Hint()
        return Hint(everything=timeout_seconds >= self._seconds)

    def wake(self) -> None:
        """End the wait that is going on, or the next one."""
        self._woken.set()

    def close(self) -> None:
        """Nothing is open."""
