"""
Slowing down who guesses.

Nothing here waits: an attempt that comes too early is told when to come again. What is remembered is in memory, bounded, and gone when the
server is started again. A server's processes each remember their own.
"""

from __future__ import annotations

import ipaddress
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from modelwatch.core.clock import Clock

Subject = tuple[str, str]
"""(kind, which), for example ``("address", "192.0.2.7")``."""


@dataclass(frozen=True, slots=True)
class Refused:
    """
    It is too early to try again.

    Attributes:
        retry_after_seconds: How long to wait.
    """

    retry_after_seconds: float


@dataclass(frozen=True, slots=True)
class Pace:
    """
    How attempts on one subject are slowed down.

    Attributes:
        free: How many may fail in a row before anybody waits.
        first_seconds: The first wait; each failure doubles it.
        longest_seconds: No wait is longer.
        forgotten_seconds: After this time without a failure everything is forgiven.
    """

    free: int
    first_seconds: float = 1.0
    longest_seconds: float = 60.0
    forgotten_seconds: float = 3600.0

    def wait_seconds(self, failures: int) -> float:
        """Return how long nobody may try after so many failures."""
        over = failures - self.free
        return min(self.longest_seconds, self.first_seconds * 2.0 ** min(over, 30)) if over >= 0 else 0.0


@dataclass(slots=True)
class _Failures:
    count: int
    last: float


class Throttle:
    """
    Counts attempts for each subject. May be used by many threads.

    An attempt counts as failed from the moment it is let in until its caller says otherwise: otherwise many at once would all be the first.

    Args:
        clock: The time; only its monotonic side is asked.

        paces: For each kind of subject.

        most: How many subjects are remembered; of more, those that failed longest ago are forgotten.
    """

    def __init__(self, clock: Clock, paces: Mapping[str, Pace], *, most: int = 16_384) -> None:
        self._clock = clock
        self._paces = paces
        self._most = most
        self._failures: OrderedDict[Subject, _Failures] = OrderedDict()
        self._lock = threading.Lock()

    def attempt(self, subjects: Sequence[Subject]) -> Refused | None:
        """Let an attempt in, and count it as failed for each of its subjects; or refuse it, and count nothing."""
        now = self._clock.monotonic()
        with self._lock:
            wait = max((self._wait(subject, now) for subject in subjects), default=0.0)
            if wait > 0:
                return Refused(wait)
            for subject in subjects:
                found = self._failures.setdefault(subject, _Failures(0, now))
                found.count, found.last = found.count + 1, now
                self._failures.move_to_end(subject)
            while len(self._failures) > self._most:
                self._failures.popitem(last=False)
        return None

    def _wait(self, subject: Subject, now: float) -> float:
        found = self._failures.get(subject)
        if found is None:
            return 0.0
        pace = self._paces[subject[0]]
        if now - found.last >= pace.forgotten_seconds:
            del self._failures[subject]
            return 0.0
        return found.last + pace.wait_seconds(found.count) - now

    def take_back(self, subject: Subject) -> None:
        """Say that one attempt that was let in did not fail; earlier failures stay."""
        with self._lock:
            found = self._failures.get(subject)
            if found is not None:
                found.count -= 1
                if found.count <= 0:
                    del self._failures[subject]

    def forgive(self, subject: Subject) -> None:
        """Forget all failures of a subject."""
        with self._lock:
            self._failures.pop(subject, None)


def network_of(address: str) -> str:
    """Return whom an address stands for: itself, or, in IPv6, the /64 that one customer has 2⁶⁴ addresses of."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.IPv6Network((parsed, 64), strict=False))
    return str(parsed)
