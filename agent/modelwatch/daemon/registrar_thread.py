"""The registrar's thread: one candidate after the other becomes a version, and the metrics of versions are brought up to date."""

from __future__ import annotations

import contextlib
import enum
import queue
import threading
from collections.abc import Callable
from functools import partial

from modelwatch.core import log
from modelwatch.core.abandon import Abandoned, abandoned_when
from modelwatch.core.backoff import Backoff
from modelwatch.core.clock import Clock
from modelwatch.core.errors import StateError
from modelwatch.daemon.pace import Pace
from modelwatch.daemon.registrar import Registrar
from modelwatch.daemon.work import Outcome, Pinned
from modelwatch.journal.journal import Journal


class _Amend(enum.Enum):
    """Asks to join the metrics of open versions again."""

    NOW = "now"
    FINAL = "final"


class RegistrarThread:
    """
    Takes what the watcher hands over.

    Args:
        open_journal: Called in the thread.

        registrar: Makes the registrar over the thread's own journal.

        on_change: Called after each item: there may be something to deliver.

        clock: For waits.

        end: The end was asked for: bursts are not waited for any more.

        abort: It is to stop, in the middle of the candidate in hand if that takes long; what is not done is found again by the next scan.
    """

    def __init__(  # noqa: PLR0913 - what it is wired to, all by keyword
        self,
        *,
        open_journal: Callable[[], Journal],
        registrar: Callable[[Journal], Registrar],
        on_change: Callable[[], None],
        clock: Clock,
        end: threading.Event,
        abort: threading.Event,
    ) -> None:
        self._open_journal = open_journal
        self._registrar = registrar
        self._on_change = on_change
        self._clock = clock
        self._end = end
        self._abort = abort
        self._queue: queue.SimpleQueue[Pinned | _Amend | None] = queue.SimpleQueue()
        self._amending = threading.Event()  # an `_Amend.NOW` waits in the queue: another would do the same again
        self._pace = Pace(clock)
        self._handed = 0  # the watcher thread's to count
        self._done = 0  # the registrar thread's

    # ------------------------------------------------------------------------------------------------- from other threads

    def is_busy(self) -> bool:
        """Return whether something was handed over that is not done. Any thread."""
        return self._handed != self._done

    def hand_over(self, pinned: Pinned) -> None:
        """Take a candidate from the watcher. In the watcher's thread."""
        self._handed += 1
        self._pace.came()
        self._queue.put(pinned)

    def is_behind(self) -> bool:
        """Return whether anything waits to be done. Any thread."""
        return not self._queue.empty()

    def amend(self) -> None:
        """Look whether versions that wait for later values have some now. Any thread."""
        if not self._amending.is_set():
            self._amending.set()
            self._queue.put(_Amend.NOW)

    def finish(self, *, final: bool) -> None:
        """End when everything that was handed over is done, and metrics are joined once more; `final`: nothing will be logged any more. Any thread."""
        self._queue.put(_Amend.FINAL if final else _Amend.NOW)
        self._queue.put(None)

    # ----------------------------------------------------------------------------------------------------------- the thread

    def run(self, answer: Callable[[Outcome], None], catch_up: Callable[[], None]) -> None:
        """
        Work until `finish` was called and its work is done.

        Args:
            answer: Is told what became of each candidate.

            catch_up: Brings the scalars up to date, before each candidate.
        """
        with self._open_journal() as journal, contextlib.suppress(Abandoned), abandoned_when(self._abort.is_set):
            registrar = self._registrar(journal)
            self._persist(partial(registrar.amend, final=False))
            while (item := self._queue.get()) is not None and not self._abort.is_set():
                if isinstance(item, _Amend):
                    self._amending.clear()
                    self._persist(partial(registrar.amend, final=item is _Amend.FINAL))
                else:
                    while not self._end.is_set() and (wait := self._pace.wait_seconds()):
                        self._clock.wait(self._end, wait)
                    catch_up()
                    outcome = self._persist(partial(registrar.register, item))
                    if outcome is not None:
                        answer(outcome)
                self._on_change()
                self._done += isinstance(item, Pinned)

    def _persist(self, work: Callable[[], object]) -> Outcome | None:
        """Do work that writes the journal; while the disk is full, wait and do it again, saying so once."""
        attempts = 0
        while True:
            try:
                result = work()
            except StateError as error:
                attempts += 1
                if attempts == 1:
                    log.warning("cannot write the state folder; trying again", why=error.message, hint=error.hint)
                if self._clock.wait(self._abort, Backoff(cap_seconds=10.0).wait_seconds(attempts)):
                    return None
            else:
                if attempts:
                    log.info("the state folder can be written again")
                return result if isinstance(result, Outcome) else None
