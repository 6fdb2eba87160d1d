"""How closely the watcher looks: at once while that pays, less and less often when nothing new is found."""

from __future__ import annotations

from modelwatch.core.clock import Clock

_CREDIT_SECONDS = 1.0
"""Time spent looking that need not have brought anything: by then a burst of saves has shown itself, or was none."""

_SHARE = 0.1
"""Of a core that may go on looking in vain, for as long as a training writes other files all the time."""

_LONGEST_PAUSE_SECONDS = 0.5
"""A checkpoint may be replaced soon, however long a look takes."""


class Attention:
    """
    A credit of time for looks: each one that brings nothing uses it up, one that brings something restores it. One thread at a time.

    Args:
        clock: For durations.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._credit_seconds = _CREDIT_SECONDS
        self._counted = clock.monotonic()
        self._look_seconds = 0.0

    def began(self) -> None:
        """Note that a look begins."""
        now = self._clock.monotonic()
        self._credit_seconds = min(_CREDIT_SECONDS, self._credit_seconds + _SHARE * (now - self._counted))
        self._counted = now

    def ended(self, *, in_vain: bool) -> None:
        """Note that the look that began last has ended."""
        now = self._clock.monotonic()
        self._look_seconds = now - self._counted
        self._counted = now
        self._credit_seconds = self._credit_seconds - self._look_seconds if in_vain else _CREDIT_SECONDS

    def pause_seconds(self) -> float:
        """Return how long to wait before the next look; 0 while there is credit."""
        if self._credit_seconds > 0:
            return 0.0
        return min(_LONGEST_PAUSE_SECONDS, self._look_seconds / _SHARE)
