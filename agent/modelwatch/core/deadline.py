"""One deadline per shutdown, computed once and passed down as a value."""

from __future__ import annotations

from dataclasses import dataclass

from modelwatch.core.clock import Clock


@dataclass(frozen=True, slots=True)
class Deadline:
    """
    A point on the monotonic clock.

    Attributes:
        clock: The clock that `at` belongs to.
        at: Monotonic seconds.
    """

    clock: Clock
    at: float

    @classmethod
    def after(cls, clock: Clock, seconds: float) -> Deadline:
        """Return the deadline that lies `seconds` from now."""
        return cls(clock, clock.monotonic() + seconds)

    def remaining_seconds(self) -> float:
        """Return the seconds left; 0 once the deadline has passed."""
        return max(0.0, self.at - self.clock.monotonic())

    def passed(self) -> bool:
        """Return whether the deadline has passed."""
        return self.clock.monotonic() >= self.at
