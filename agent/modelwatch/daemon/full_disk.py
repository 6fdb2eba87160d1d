"""A full disk: not to be tried at every look, said once, and once that it is over."""

from __future__ import annotations

from modelwatch.core import log
from modelwatch.core.backoff import Backoff
from modelwatch.core.clock import Clock
from modelwatch.core.errors import DiskFullError


class FullDisk:
    """
    What is known of the disk that snapshots are made on. One thread at a time.

    Args:
        clock: For durations.

    Attributes:
        until: Monotonic seconds before which it is not to be tried again; in the past when it may be.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._attempts = 0
        self.until = 0.0

    def is_full(self) -> bool:
        """Return whether it is too early to try."""
        return self._clock.monotonic() < self.until

    def was_full(self, error: DiskFullError) -> None:
        """Note that there was no room."""
        self._attempts += 1
        self.until = self._clock.monotonic() + Backoff(cap_seconds=30.0).wait_seconds(self._attempts)
        if self._attempts == 1:
            log.warning("disk full: checkpoints are not being copied", why=error.message, hint=error.hint)

    def had_room(self) -> None:
        """Note that there was room."""
        if self._attempts:
            log.info("disk has room again: going on")
        self._attempts, self.until = 0, 0.0
