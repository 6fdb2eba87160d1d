"""Letting the watcher go first while checkpoints come in a burst."""

from __future__ import annotations

from collections import deque

from modelwatch.core.clock import Clock

_BURST = 3
"""So many checkpoints…"""

_BURST_SECONDS = 0.1
"""… within this time are a burst."""

_QUIET_SECONDS = 0.05
"""A burst is over when nothing has come for this long."""

_FIRST_SECONDS = 0.012
"""How long every checkpoint waits: by then the next one of a burst has come, and without a burst nobody notices."""

_LONGEST_SECONDS = 5.0
"""A burst that goes on for longer is how this training saves: what came is registered while more comes."""


class Pace:
    """
    Says when the registrar should stand back.

    Verifying and hashing compete with the pinning of the next checkpoint for the interpreter and the disk, and in a burst with
    `max_to_keep=1` the next one lives for a few milliseconds. A single checkpoint hardly waits.

    `came` belongs to the watcher thread, `wait_seconds` to the registrar thread; what they share is one deque, whose operations are atomic.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._times: deque[float] = deque(maxlen=_BURST)
        self._waiting_since: float | None = None

    def came(self) -> None:
        """Note that a checkpoint was handed over."""
        self._times.append(self._clock.monotonic())

    def wait_seconds(self) -> float:
        """Return how long to stand back before asking again; 0 to go on."""
        now = self._clock.monotonic()
        times = list(self._times)
        is_burst = len(times) == _BURST and times[-1] - times[0] <= _BURST_SECONDS
        quiet_at = (times[-1] if times else now) + (_QUIET_SECONDS if is_burst else _FIRST_SECONDS)
        if not times or now >= quiet_at:
            self._waiting_since = None
            return 0.0
        if self._waiting_since is None:
            self._waiting_since = now
        if now - self._waiting_since >= _LONGEST_SECONDS:
            return 0.0
        return quiet_at - now
