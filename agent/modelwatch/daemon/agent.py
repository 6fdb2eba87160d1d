"""
The agent: wires the stages to threads, and ends them in order.

    main        signals and waiting only
    watcher     hints, scans, intake            → `registrar_thread`'s queue →
    registrar   verify, seal, join, journal     → journal →
    scalars     reads event files as they grow
    publisher   one for each sink

STARTING → WATCHING → FINISHING (last scan, last scalars) → DRAINING (deliveries) → STOPPED, under one deadline that is computed when the end
is asked for. A second request ends the draining; what is left stays in the journal. What each thread does is in a file of its own.
"""

from __future__ import annotations

import contextlib
import enum
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from modelwatch.config.settings import Settings
from modelwatch.core import steps
from modelwatch.core.clock import Clock
from modelwatch.core.deadline import Deadline
from modelwatch.core.entities import Receipt
from modelwatch.core.identifiers import new_ulid
from modelwatch.core.threads import Worker
from modelwatch.daemon import announce
from modelwatch.daemon.origin import Origin
from modelwatch.daemon.publisher_threads import PublisherThreads
from modelwatch.daemon.stages import Ground, Stages, note
from modelwatch.daemon.state_folder import journal_path
from modelwatch.daemon.work import Unfinished
from modelwatch.journal.journal import Journal
from modelwatch.journal.rows import Delivery
from modelwatch.sinks.base import Sink
from modelwatch.snapshot.store import SnapshotStore

_LAST_LOOK_SECONDS = 2.0
_FOREVER_SECONDS = 7 * 24 * 3600.0
"""The longest wait for a last scan that somebody asked for and watches."""


class AgentState(enum.Enum):
    """Where the agent is in its life; shown by `modelwatch status`."""

    STARTING = "STARTING"
    WATCHING = "WATCHING"
    FINISHING = "FINISHING"
    DRAINING = "DRAINING"
    STOPPED = "STOPPED"


@dataclass(frozen=True, slots=True)
class Ended:
    """
    Why the agent is to end.

    Attributes:
        reason: For people.
        training_over: Nothing more will be written, no scalars either.
    """

    reason: str
    training_over: bool


@dataclass(frozen=True, slots=True)
class Trainer:
    """
    The training that an agent was started with.

    Attributes:
        command: Without secrets.
        began: When it began, seconds since the epoch, or None for just now.
    """

    command: Sequence[str]
    began: float | None = None


class Agent:
    """
    One agent over one state folder, which the caller holds (`state_folder.owned`).

    Args:
        settings: What the user asked for.

        folder: The state folder.

        sinks: Where versions are registered. The agent closes them.

        clock: The real one, but for tests.

        trainer: The training that it was started with; None for a sidecar, which knows neither its command nor when it began.

        on_armed: Called by `run` once everything that becomes complete is seen.

    Attributes:
        vanished: The state folder went away, usually with the model path that it is in.
        run_id: What its versions have as their run, once it runs.
        failed: A thread of it has failed.
    """

    def __init__(  # noqa: PLR0913 - what differs between a sidecar, a supervised agent and a test, the later ones by keyword
        self,
        settings: Settings,
        folder: Path,
        sinks: Sequence[Sink],
        clock: Clock,
        *,
        on_armed: Callable[[], None] = lambda: None,
        trainer: Trainer | None = None,
    ) -> None:
        self._settings = settings
        self._folder = folder
        self._sinks = sinks
        self._clock = clock
        self._on_armed = on_armed
        self._trainer = trainer
        self._end = threading.Event()
        self._ended: Ended | None = None
        self._abort = threading.Event()
        self._snapshots = SnapshotStore(folder / "snapshots")
        self._counted = announce.Counts()
        self._ground = Ground(
            settings, sinks, self._snapshots, self._journal, clock, self._end, self._abort, self._fail, self._tell
        )
        self._journal_identity: tuple[int, int] | None = None
        self.vanished = False
        self.failed = False
        self.run_id = settings.run

    # ------------------------------------------------------------------------------------------------------------ the end

    def end(self, ended: Ended) -> None:
        """Ask for the end; a second call ends the draining at once. Any thread, but no signal handler: it sets events."""
        if self._ended is None:
            self._ended = ended
        else:
            self._abort.set()
        self._end.set()

    def _fail(self) -> None:
        """A thread has failed: stop everything; the supervisor or the platform starts the agent again."""
        self.failed = True
        self._abort.set()
        if self._ended is None:
            self._ended = Ended("a thread failed", training_over=False)
        self._end.set()

    def _on_vanished(self) -> None:
        """End when the state folder went with the model path; the caller starts anew when the model path is there again."""
        self.vanished = True
        self.end(Ended("the state folder is gone", training_over=False))

    def _is_ours(self) -> bool:
        """Return whether the state folder's journal is the file that is open: SQLite writes into a deleted one without complaint."""
        return _identity(journal_path(self._folder)) == self._journal_identity

    # ---------------------------------------------------------------------------------------------------------------- run

    def run(self, *, once: bool) -> int:
        """
        Watch until `end` was called; with `once`, register what is there and end.

        Returns:
            0 when every version has been delivered, 75 when deliveries or checkpoints that are complete remain, 70 when a thread failed.

        Raises:
            StateError: The journal cannot be used.
        """
        with contextlib.ExitStack() as stack:
            stack.callback(self._close_sinks)
            journal = stack.enter_context(self._journal())
            origin = self._recover(journal)
            self._enter(journal, AgentState.STARTING)
            stages = Stages(self._ground, journal, origin=origin, is_ours=self._is_ours, on_vanished=self._on_vanished)
            watcher = stages.watcher
            with self._running(stages.workers, stages.give_up):
                if once:
                    self.end(Ended("what is there has been looked at", training_over=True))
                armed = stages.wait_until_armed()
                self._enter(journal, AgentState.WATCHING)
                if armed:
                    self._on_armed()
                self._clock.wait(self._end, threading.TIMEOUT_MAX)
                patience = _FOREVER_SECONDS if once else self._settings.drain_timeout_seconds
                deadline = Deadline.after(self._clock, patience)
                self._finish(journal, stages, deadline)
                if self._ended is not None and not self.vanished:
                    stages.reports.end(self._ended.reason)
                self._drain(journal, stages.publishers, None if once else deadline)
            unfinished = () if self.vanished else watcher.intake.unfinished()
            code = self._conclude(journal, unfinished)
            announce.lost(watcher.intake.lost_for_room)
            if watcher.files and not watcher.intake.has_seen_any():
                announce.nothing_recognised(watcher.files)
        return 70 if stages.have_failed() else code

    def drain(self, *, rejected: bool, redirect: bool = False) -> int:
        """
        Deliver what the journal holds, without watching.

        Args:
            rejected: Try again what was refused, too.

            redirect: Deliver to the one sink of this agent what was meant for others and has not arrived there.

        Returns:
            0 when every version has been delivered, 75 when deliveries remain.

        Raises:
            StateError: The journal cannot be used.
        """
        with contextlib.ExitStack() as stack:
            stack.callback(self._close_sinks)
            journal = stack.enter_context(self._journal())
            journal.recover_deliveries()
            journal.retry(rejected=rejected)
            if redirect:
                [sink] = self._sinks
                announce.redirected(journal.redirect(sink.name), sink.name)
            publishers = self._ground.publishers()
            with self._running(publishers.workers, publishers.drain):
                self._drain(journal, publishers, None)
            return self._conclude(journal, ())

    @contextlib.contextmanager
    def _running(self, workers: Sequence[Worker], give_up: Callable[[], None]) -> Iterator[None]:
        """Start the threads; they end in the block, or here when it raises: no thread keeps a failed agent alive."""
        for worker in workers:
            worker.start()
        try:
            yield
        except BaseException:
            self._fail()
            give_up()
            for worker in workers:
                worker.join()
            raise

    def _conclude(self, journal: Journal, unfinished: Sequence[Unfinished]) -> int:
        """Write and tell how it ended; return the exit code."""
        left = journal.undelivered()
        self._enter(journal, AgentState.STOPPED)
        announce.summary(self._counted)
        announce.not_registered(unfinished)
        announce.left(left, [sink.name for sink in self._sinks], self._settings)
        return 75 if left or any(entry.late for entry in unfinished) else 0

    def _close_sinks(self) -> None:
        for sink in self._sinks:
            sink.close()

    def _finish(self, journal: Journal, stages: Stages, deadline: Deadline) -> None:
        """Do what is left up to the journal. Room for snapshots comes from our own deliveries: it is not waited for where there are none."""
        ended = self._ended or Ended("", training_over=False)
        watcher, watching, registering = stages.watcher, stages.watching, stages.registering
        self._enter(journal, AgentState.FINISHING)
        watcher.finish(deadline)
        arrived, patience = self._counted.deliveries, self._settings.drain_timeout_seconds
        room_by, hopeless = Deadline.after(self._clock, patience), False
        while not watching.join(Deadline.after(self._clock, min(0.1, deadline.remaining_seconds()))):
            if not watcher.waits_for_room() or self._counted.deliveries != arrived or stages.publishers.are_sending():
                arrived, room_by, hopeless = self._counted.deliveries, Deadline.after(self._clock, patience), False
            elif not hopeless and not stages.can_make_room():
                hopeless = True  # unless a delivery has just made room, and the watcher has not looked since
                room_by = Deadline.after(self._clock, min(patience, _LAST_LOOK_SECONDS))
            if self._abort.is_set() or deadline.passed() or room_by.passed():
                watcher.finish(Deadline.after(self._clock, 0.0))
                watching.join()
        stages.scalars.finish()
        stages.reading.join(deadline)
        steps.reached("agent.last-scan")
        stages.registrar.finish(final=ended.training_over)
        for worker in (registering, stages.reading):
            while not worker.join(Deadline.after(self._clock, min(0.1, deadline.remaining_seconds()))):
                if deadline.passed():
                    self._abort.set()  # what is not done is found again by the next scan
                    worker.join()

    def _drain(self, journal: Journal, publishers: PublisherThreads, deadline: Deadline | None) -> None:
        """
        Wait until everything is delivered, the deadline has passed or the end was asked for again.

        Without a deadline the time runs only while nothing is being sent and nothing arrives: somebody waits for the result.
        """
        self._enter(journal, AgentState.DRAINING)
        publishers.drain()
        limit = deadline or Deadline.after(self._clock, self._settings.drain_timeout_seconds)
        arrived = self._counted.deliveries
        for publisher in publishers.workers:
            while not publisher.join(Deadline.after(self._clock, min(0.1, limit.remaining_seconds()))):
                if deadline is None and (self._counted.deliveries != arrived or publishers.are_sending()):
                    arrived = self._counted.deliveries
                    limit = Deadline.after(self._clock, self._settings.drain_timeout_seconds)
                if limit.passed() or self._abort.is_set():
                    self._abort.set()
                    publishers.ring()
                    self._close_sinks()  # a server that answers no more would be waited for
                    publisher.join()

    # -------------------------------------------------------------------------------------------------------------- parts

    def _journal(self) -> Journal:
        return Journal(journal_path(self._folder), self._clock)

    def _tell(self, delivery: Delivery, receipt: Receipt) -> None:
        announce.delivered(delivery, receipt)
        self._counted.arrived(delivery)

    def _recover(self, journal: Journal) -> Origin:
        """Bring the journal in order after whatever ended the agent before; return where the versions come from."""
        self._journal_identity = _identity(journal_path(self._folder))
        if self.run_id is None:
            self.run_id = str(journal.remember_first("run", f"run-{new_ulid(self._clock.now())}"))
        trainer = self._trainer
        since = self._clock.now() if trainer is None or trainer.began is None else trainer.began
        since = float(journal.remember_first(f"began {self.run_id}", since))  # for later agents of the same run
        journal.recover_deliveries()
        journal.retry(rejected=False)
        journal.abandon_unfinished("the agent was stopped before it was done; looked for again")
        announce.elsewhere(journal.registered_elsewhere([sink.name for sink in self._sinks]))
        self._snapshots.collect(journal.needed_snapshots())
        self._snapshots.prepare()
        return Origin(self.run_id, since) if trainer is None else Origin(self.run_id, since, trainer.command, began=since)

    def _enter(self, journal: Journal, state: AgentState) -> None:
        why = self._ended.reason if self._ended is not None else ""
        note(journal, "agent", {"state": state.value, "pid": os.getpid(), "since": self._clock.now(), "why": why})


def _identity(path: Path) -> tuple[int, int] | None:
    """Return what tells one file from another of the same name; None when there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return (found.st_dev, found.st_ino)
