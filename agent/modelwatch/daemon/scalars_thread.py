"""The scalars' thread: event files are read as they grow, beside everything else."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from modelwatch.core.clock import Clock
from modelwatch.core.tree import Skipped
from modelwatch.scalars.logdir import LogDirectories

_SAME_SCALARS_SECONDS = 0.2
"""Versions of one burst are joined with what one look at the event files found; what is logged later amends them."""


class ScalarsThread:
    """
    Keeps the event files' values up to date.

    Args:
        logs: The event files.

        poll_seconds: Between two looks.

        clock: For waits.

        on_change: Called when there are new values, which may belong to versions that exist already.
    """

    def __init__(self, logs: LogDirectories, *, poll_seconds: float, clock: Clock, on_change: Callable[[], None]) -> None:
        self._logs = logs
        self._poll_seconds = poll_seconds
        self._clock = clock
        self._on_change = on_change
        self._stop = threading.Event()
        self._read = threading.Event()
        self._caught_up_at = float("-inf")  # monotonic seconds; the registrar thread's own

    def run(self, on_problems: Callable[[Sequence[Skipped]], None]) -> None:
        """Read until `finish` was called, and once more then; `on_problems` is told what cannot be read, when that is not what it was."""
        told: tuple[Skipped, ...] = ()
        while True:
            last = self._stop.is_set()
            changed = self._logs.poll(final=last)
            self._read.set()
            if (problems := self._logs.problems()) != told:
                told = problems
                on_problems(problems)
            if last:
                return
            if changed:
                self._on_change()
            self._clock.wait(self._stop, self._poll_seconds)

    def finish(self) -> None:
        """Ask for the last reading. Any thread."""
        self._stop.set()

    def catch_up(self) -> None:
        """Bring the values up to date for a version, which must not wait for their first reading: that may be long. In the registrar's thread."""
        now = self._clock.monotonic()
        if self._read.is_set() and now - self._caught_up_at >= _SAME_SCALARS_SECONDS:
            self._logs.poll(walk=True)
            self._caught_up_at = now
