"""Capped exponential backoff with full jitter."""

from __future__ import annotations

import random
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Backoff:
    """
    How long to wait before attempt n.

    Full jitter (a uniform draw below the exponential bound) spreads many agents that lost the same server.
    https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/

    Attributes:
        first_seconds: Upper bound of the first wait.
        cap_seconds: Upper bound of every wait.
    """

    first_seconds: float = 0.5
    cap_seconds: float = 60.0

    def bound_seconds(self, attempts: int) -> float:
        """Return the longest wait after `attempts` failures (1 or more)."""
        return min(self.cap_seconds, self.first_seconds * 2.0 ** min(attempts - 1, 30))

    def wait_seconds(self, attempts: int, random_: random.Random | None = None) -> float:
        """Return a wait between a tenth of the bound and the bound after `attempts` failures."""
        draw = (random_ or random).random()
        return self.bound_seconds(attempts) * (0.1 + 0.9 * draw)
