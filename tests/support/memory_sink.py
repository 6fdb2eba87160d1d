"""A repository in memory that fails as it is told: the far side of a network."""

from __future__ import annotations

from collections import deque

from modelwatch.core.entities import Amendment, Receipt, Registration, RunReport, Snapshot


class MemorySink:
    """
    Implements `modelwatch.sinks.base.Sink`.

    Attributes:
        name: As the journal knows it.
        failures: Raised by the next calls, one each.
        roots: What was registered, in order, each once.
        amended: Keys of the registrations that were amended, in order.
        reports: What was told of runs, in order.
        asked: Roots of every attempt, in order.
    """

    def __init__(self, *failures: Exception, name: str = "memory:here") -> None:
        self.name = name
        self.failures = deque(failures)
        self.unreachable: Exception | None = None
        self.roots: list[str] = []
        self.amended: list[str] = []
        self.reports: list[RunReport] = []
        self.asked: list[str] = []
        self.closed = False
        self._receipts: dict[str, Receipt] = {}

    def _fail(self) -> None:
        if self.unreachable is not None:
            raise self.unreachable
        if self.failures:
            raise self.failures.popleft()

    def register(self, registration: Registration, snapshot: Snapshot | None) -> Receipt:
        """Remember the version, or fail."""
        del snapshot
        self.asked.append(registration.root)
        self._fail()
        if registration.key not in self._receipts:
            self.roots.append(registration.root)
            self._receipts[registration.key] = Receipt(registration.model, str(len(self.roots)))
        return self._receipts[registration.key]

    def amend(self, amendment: Amendment) -> Receipt:
        """Remember that the version was amended, or fail."""
        self._fail()
        self.amended.append(amendment.registration_key)
        return self._receipts[amendment.registration_key]

    def report(self, report: RunReport) -> None:
        """Remember what is told, or fail when it cannot be reached."""
        if self.unreachable is not None:
            raise self.unreachable
        self.reports.append(report)

    def check(self) -> str:
        """Answer, unless it cannot be reached."""
        if self.unreachable is not None:
            raise self.unreachable
        return "in memory"

    def close(self) -> None:
        """Note that it was closed."""
        self.closed = True
