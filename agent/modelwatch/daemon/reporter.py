"""
Telling one sink how the training goes on, when there is time for it.

At best effort: nothing is written down, a report that fails is not told again (a newer one follows), and no version waits. Reports are so
far apart that they take a small part of one core at most, however much there is to tell.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from modelwatch.core import log, steps
from modelwatch.core.backoff import Backoff
from modelwatch.core.entities.run_report import REPORT_SECONDS
from modelwatch.core.errors import ModelwatchError, StateError, TransientError
from modelwatch.daemon.publisher import Publisher
from modelwatch.daemon.run_reports import RunReports

_APART_SECONDS = 5.0
"""The least time between two reports."""

_SOON_SECONDS = 0.5
"""Until the next attempt, when something more urgent came."""

_CPU_SHARE = 1 / 300
"""The most of one core that reports take."""

_TIME_SHARE = 1 / 10
"""The most of the time in which a slow repository is kept busy by reports."""


class Reporter:
    """
    Tells one sink. Belongs to the sink's publisher thread.

    Args:
        reports: What there is to tell.

        publisher: Whose sink to tell; what it has delivered is news that its own journal does not show it.
    """

    def __init__(self, reports: RunReports, publisher: Publisher) -> None:
        self._reports = reports
        self._publisher = publisher
        self._sink = publisher.sink
        self._clock = clock = publisher.clock
        self._backoff = Backoff(cap_seconds=REPORT_SECONDS)
        self._failures = 0
        self._refused = False
        self._told: tuple[int, ...] | None = None  # the mark of what was told last
        self._told_at = clock.monotonic()
        self._not_before = clock.monotonic() + _APART_SECONDS  # the first checkpoint comes first

    def due_seconds(self) -> float:
        """Return the seconds until `tell` may have something to do."""
        return REPORT_SECONDS if self._refused else max(0.0, self._not_before - self._clock.monotonic())

    def tell(self, interrupted: Callable[[], bool]) -> None:
        """Tell what is new, if it is time for that; `interrupted` is asked often, and when it is true nothing is told now."""
        if not self._refused and not self.due_seconds():
            self._attempt(lambda: interrupted() or self._reports.is_busy(), is_last=False)

    def tell_the_end(self, interrupted: Callable[[], bool]) -> None:
        """Tell how it ended, when it has: all that is to be said is known."""
        if not self._refused and self._reports.has_ended:
            self._attempt(interrupted, is_last=True)

    def _attempt(self, interrupted: Callable[[], bool], *, is_last: bool) -> None:
        began, cpu_before = self._clock.monotonic(), time.thread_time()
        try:
            wait = self._report(interrupted, is_last=is_last)
        except (TransientError, StateError, OSError, MemoryError) as error:
            self._failures += 1
            log.debug("the run is not reported now", sink=self._sink.name, why=error)
            asked = error.retry_after_seconds if isinstance(error, TransientError) else None
            wait = max(_APART_SECONDS, self._backoff.wait_seconds(self._failures) if asked is None else asked)
        except Exception as error:  # noqa: BLE001 - the plug-in boundary: a sink that cannot take reports takes versions all the same
            self._refused = True
            why = error.message if isinstance(error, ModelwatchError) else f"{type(error).__name__}: {error}"
            log.info("runs are not reported: versions are registered without", sink=self._sink.name, why=why)
            return
        now, cpu_seconds = self._clock.monotonic(), time.thread_time() - cpu_before
        cost = max(cpu_seconds / _CPU_SHARE, (now - began) / _TIME_SHARE)
        self._not_before = now + max(wait, min(cost, REPORT_SECONDS))

    def _report(self, interrupted: Callable[[], bool], *, is_last: bool) -> float:
        """Tell what is new, and return the seconds to wait before the next time at least."""
        journal, now = self._publisher.journal, self._clock.monotonic()
        mark = (*self._reports.mark(journal), self._publisher.arrived)
        if mark == self._told and now - self._told_at < REPORT_SECONDS and not is_last:
            return _APART_SECONDS
        report = self._reports.make(journal, self._sink.name, interrupted)
        if report is None:
            return _SOON_SECONDS if interrupted() else _APART_SECONDS
        self._sink.report(report)
        steps.reached("reporter.told")
        self._told, self._told_at, self._failures = mark, now, 0
        return _APART_SECONDS
