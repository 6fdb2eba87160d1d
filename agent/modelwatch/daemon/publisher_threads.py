"""The publishers' threads, one for each sink: woken when there is something to deliver, or when it is time to try again."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Sequence
from functools import partial

from modelwatch.core import log
from modelwatch.core.abandon import Abandoned, abandoned_when
from modelwatch.core.clock import Clock
from modelwatch.core.entities import Receipt
from modelwatch.core.errors import StateError
from modelwatch.core.threads import Worker
from modelwatch.daemon.publisher import Publisher
from modelwatch.daemon.reporter import Reporter
from modelwatch.daemon.run_reports import RunReports
from modelwatch.journal.journal import Journal
from modelwatch.journal.rows import Delivery
from modelwatch.sinks.base import Sink
from modelwatch.snapshot.store import SnapshotStore

_UNWRITABLE_SECONDS = 5.0
"""Between attempts to deliver while the journal cannot be written."""

_LONGEST_SECONDS = 60.0
"""Between two looks at the journal, whatever it said."""


class PublisherThreads:
    """
    Delivers to every sink until there is nothing left.

    Args:
        sinks: Where to.

        open_journal: Called in each thread.

        snapshots: Where the files are.

        clock: For waits.

        tell: Called with each delivery that arrived.

        reports: Tell how the training goes on; None when no training is watched.

        abort: They are to stop, in the middle of the delivery in hand if that takes long.

        on_failure: Called in a thread that fails.

    Attributes:
        workers: The threads.
    """

    def __init__(  # noqa: PLR0913 - what they are wired to, all by keyword
        self,
        sinks: Sequence[Sink],
        *,
        open_journal: Callable[[], Journal],
        snapshots: SnapshotStore,
        clock: Clock,
        tell: Callable[[Delivery, Receipt], None],
        reports: RunReports | None,
        abort: threading.Event,
        on_failure: Callable[[], None],
    ) -> None:
        self._open_journal = open_journal
        self._snapshots = snapshots
        self._clock = clock
        self._tell = tell
        self._reports = reports
        self._abort = abort
        self._draining = threading.Event()
        self._bells = {sink.name: threading.Event() for sink in sinks}
        self._sending = dict.fromkeys(self._bells, False)
        self._pending = dict.fromkeys(self._bells, True)
        self.workers = [Worker(f"publisher-{index}", partial(self._publish, sink), on_failure) for index, sink in enumerate(sinks)]

    def ring(self) -> None:
        """Say that there may be something to do. Any thread."""
        for bell in self._bells.values():
            bell.set()

    def drain(self) -> None:
        """Say that nothing more is coming: each thread ends when nothing is pending for its sink. Any thread."""
        self._draining.set()
        self.ring()

    def are_sending(self) -> bool:
        """Return whether anything is on its way at this moment. Any thread."""
        return any(self._sending.values())

    def have_work(self) -> bool:
        """Return whether anything is left for a sink, now or later. Any thread."""
        return any(bell.is_set() for bell in self._bells.values()) or self.are_sending() or any(self._pending.values())

    def _publish(self, sink: Sink) -> None:
        bell = self._bells[sink.name]
        with self._open_journal() as journal:
            publisher = Publisher(journal, sink, self._snapshots, self._clock, self._tell)
            reporter = None if self._reports is None else Reporter(self._reports, publisher)
            publisher.greet()
            troubled, due = False, None
            while not self._abort.is_set():
                self._sending[sink.name] = True
                bell.clear()
                try:
                    if troubled:
                        journal.recover_deliveries(sink.name)
                    with abandoned_when(self._abort.is_set):
                        publisher.publish_due(self._abort)
                    due = publisher.due_seconds()
                except Abandoned:
                    journal.recover_deliveries(sink.name)
                    return
                except StateError as error:
                    if not troubled:
                        log.warning(
                            "deliveries cannot be written down now; they are tried again", why=error.message, hint=error.hint
                        )
                    troubled, due = True, _UNWRITABLE_SECONDS
                else:
                    troubled = False
                finally:
                    self._pending[sink.name] = due is not None
                    self._sending[sink.name] = False
                if due is None and self._draining.is_set():
                    if reporter is not None:
                        with contextlib.suppress(Abandoned), abandoned_when(self._abort.is_set):
                            reporter.tell_the_end(self._abort.is_set)
                    return
                wait = _LONGEST_SECONDS if due is None else min(_LONGEST_SECONDS, due)
                if reporter is not None and wait and not publisher.failures:
                    with contextlib.suppress(Abandoned), abandoned_when(self._abort.is_set):
                        reporter.tell(bell.is_set)
                    wait = min(wait, reporter.due_seconds())
                self._clock.wait(bell, wait)
