"""
The agent: wires the stages to threads, and ends them in order.

    main        signals and waiting only
    watcher     hints, scans, intake            → queue →
    registrar   verify, seal, join, journal     → journal →
    scalars     reads event files as they grow
    publisher   one for each sink

STARTING → WATCHING → FINISHING (last scan, last scalars) → DRAINING (deliveries) → STOPPED, under one deadline that is computed when the end
is asked for. A second request ends the draining; what is left stays in the journal.
"""

from __future__ import annotations

import contextlib
import enum
import os
import queue
import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from modelwatch.config.settings import Settings
from modelwatch.core import log, steps
from modelwatch.core.backoff import Backoff
from modelwatch.core.clock import Clock
from modelwatch.core.deadline import Deadline
from modelwatch.core.entities import Checkpoint, Provenance, Receipt, Storage
from modelwatch.core.errors import StateError
from modelwatch.core.identifiers import new_ulid
from modelwatch.core.json import JsonValue
from modelwatch.core.tree import Skipped
from modelwatch.daemon import announce
from modelwatch.daemon.intake import Intake
from modelwatch.daemon.pace import Pace
from modelwatch.daemon.publisher import Publisher
from modelwatch.daemon.registrar import Identity, Registrar
from modelwatch.daemon.room import Room
from modelwatch.daemon.state_folder import FOLDER_NAME, journal_path
from modelwatch.daemon.threads import Worker
from modelwatch.daemon.watcher import Watcher
from modelwatch.daemon.work import Outcome, Patience, Pinned, Unfinished
from modelwatch.formats.registry import claim, formats_for
from modelwatch.journal.journal import Journal
from modelwatch.journal.rows import Delivery
from modelwatch.lineage.collect import collect
from modelwatch.metrics.join import Joined, join
from modelwatch.scalars.logdir import LogDirectories
from modelwatch.sinks.base import Sink
from modelwatch.snapshot.store import SnapshotStore
from modelwatch.watch.hints import open_hints
from modelwatch.watch.scan import Scanner

_FOREVER_SECONDS = 7 * 24 * 3600.0
"""The longest wait for a last scan that somebody asked for and watches."""

_SAME_SCALARS_SECONDS = 0.2
"""Versions of one burst are joined with what one look at the event files found; what is logged later amends them."""

_UNWRITABLE_SECONDS = 5.0
"""Between attempts to deliver while the journal cannot be written."""


class AgentState(enum.Enum):
    """Where the agent is in its life; shown by `modelwatch status`."""

    STARTING = "STARTING"
    WATCHING = "WATCHING"
    FINISHING = "FINISHING"
    DRAINING = "DRAINING"
    STOPPED = "STOPPED"


class _Amend(enum.Enum):
    """Asks the registrar to join the metrics of open versions again."""

    NOW = "now"
    FINAL = "final"


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


class Agent:
    """
    One agent over one state folder, which the caller holds (`state_folder.owned`).

    Args:
        settings: What the user asked for.

        folder: The state folder.

        sinks: Where versions are registered. The agent closes them.

        clock: The real one, but for tests.

        command: The training's, without secrets, or None when it is not known.

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
        command: Sequence[str] | None = None,
    ) -> None:
        self._settings = settings
        self._folder = folder
        self._sinks = sinks
        self._clock = clock
        self._on_armed = on_armed
        self._command = command
        self._end = threading.Event()
        self._ended: Ended | None = None
        self._abort = threading.Event()
        self._queue: queue.SimpleQueue[Pinned | _Amend | None] = queue.SimpleQueue()
        self._scalars_stop = threading.Event()
        self._scalars_read = threading.Event()
        self._amending = threading.Event()  # an `_Amend` waits in the queue: another would do the same again
        self._logs_read_at = float("-inf")  # monotonic seconds; the registrar's own
        self._pace = Pace(clock)
        self._began: float | None = None
        self._draining = threading.Event()
        self._bells = {sink.name: threading.Event() for sink in sinks}
        self._sending = dict.fromkeys(self._bells, False)
        self._logs = LogDirectories(settings.log_dirs or (settings.model_path,), exclude=(FOLDER_NAME,))
        self._snapshots = SnapshotStore(folder / "snapshots")
        self._counted = announce.Counts()
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
            self._recover(journal)
            self._enter(journal, AgentState.STARTING)
            watcher = self._watcher(journal)
            workers = {
                "watcher": Worker("watcher", watcher.run, self._fail),
                "registrar": Worker("registrar", partial(self._register, watcher.answer), self._fail),
                "scalars": Worker("scalars", partial(self._read_scalars, watcher.armed), self._fail),
            }
            publishers = self._publishers()
            with self._running((*workers.values(), *publishers), watcher):
                if once:
                    self.end(Ended("what is there has been looked at", training_over=True))
                self._wait_for(watcher.armed)
                self._enter(journal, AgentState.WATCHING)
                if watcher.armed.is_set():
                    self._on_armed()
                self._clock.wait(self._end, threading.TIMEOUT_MAX)
                patience = _FOREVER_SECONDS if once else self._settings.drain_timeout_seconds
                deadline = Deadline.after(self._clock, patience)
                self._finish(journal, watcher, workers, deadline)
                self._drain(journal, publishers, None if once else deadline)
            unfinished = () if self.vanished else watcher.intake.unfinished()
            code = self._conclude(journal, unfinished)
            announce.lost(watcher.intake.lost_for_room)
            if watcher.files and not watcher.intake.has_seen_any():
                announce.nothing_recognised(watcher.files)
        return 70 if any(worker.error is not None for worker in (*workers.values(), *publishers)) else code

    def drain(self, *, rejected: bool) -> int:
        """Deliver what the journal holds, and with `rejected` what was refused, without watching; as `run` returns and raises."""
        with contextlib.ExitStack() as stack:
            stack.callback(self._close_sinks)
            journal = stack.enter_context(self._journal())
            journal.recover_deliveries()
            journal.retry(rejected=rejected)
            publishers = self._publishers()
            with self._running(publishers, None):
                self._drain(journal, publishers, None)
            return self._conclude(journal, ())

    @contextlib.contextmanager
    def _running(self, workers: Sequence[Worker], watcher: Watcher | None) -> Iterator[None]:
        """Start the threads; they end in the block, or here when it raises: no thread keeps a failed agent alive."""
        for worker in workers:
            worker.start()
        try:
            yield
        except BaseException:
            self._fail()
            self._draining.set()
            self._scalars_stop.set()
            self._queue.put(None)
            self._ring()
            if watcher is not None:
                watcher.finish(Deadline.after(self._clock, 0.0))
            for worker in workers:
                worker.join()
            raise

    def _conclude(self, journal: Journal, unfinished: Sequence[Unfinished]) -> int:
        """Write and tell how it ended; return the exit code."""
        left = journal.undelivered()
        self._enter(journal, AgentState.STOPPED)
        announce.summary(self._counted)
        announce.not_registered(unfinished)
        announce.left(left, model_path=self._settings.model_path, state_dir=self._settings.state_dir)
        return 75 if left or any(entry.late for entry in unfinished) else 0

    def _close_sinks(self) -> None:
        for sink in self._sinks:
            sink.close()

    def _finish(self, journal: Journal, watcher: Watcher, workers: dict[str, Worker], deadline: Deadline) -> None:
        """Do what is left up to the journal. Room for snapshots comes from deliveries: without any it is not waited for until the deadline."""
        ended = self._ended or Ended("", training_over=False)
        self._enter(journal, AgentState.FINISHING)
        watcher.finish(deadline)
        arrived, patience = self._counted.deliveries, self._settings.drain_timeout_seconds
        room_by = Deadline.after(self._clock, patience)
        while not workers["watcher"].join(Deadline.after(self._clock, min(0.1, deadline.remaining_seconds()))):
            if not watcher.waits_for_room() or self._counted.deliveries != arrived or any(self._sending.values()):
                arrived, room_by = self._counted.deliveries, Deadline.after(self._clock, patience)
            if self._abort.is_set() or deadline.passed() or room_by.passed():
                watcher.finish(Deadline.after(self._clock, 0.0))
                workers["watcher"].join()
        self._scalars_stop.set()
        workers["scalars"].join(deadline)
        steps.reached("agent.last-scan")
        self._queue.put(_Amend.FINAL if ended.training_over else _Amend.NOW)
        self._queue.put(None)
        workers["registrar"].join(deadline)
        if not workers["registrar"].join(Deadline.after(self._clock, 0.0)):
            self._abort.set()  # it stops after the candidate in hand; the rest is found again by the next scan
        for worker in workers.values():
            worker.join()

    def _drain(self, journal: Journal, publishers: Sequence[Worker], deadline: Deadline | None) -> None:
        """
        Wait until everything is delivered, the deadline has passed or the end was asked for again.

        Without a deadline the time runs only while nothing is being sent and nothing arrives: somebody waits for the result.
        """
        self._enter(journal, AgentState.DRAINING)
        self._draining.set()
        self._ring()
        limit = deadline or Deadline.after(self._clock, self._settings.drain_timeout_seconds)
        arrived = self._counted.deliveries
        for publisher in publishers:
            while not publisher.join(Deadline.after(self._clock, min(0.1, limit.remaining_seconds()))):
                if deadline is None and (self._counted.deliveries != arrived or any(self._sending.values())):
                    arrived = self._counted.deliveries
                    limit = Deadline.after(self._clock, self._settings.drain_timeout_seconds)
                if limit.passed() or self._abort.is_set():
                    self._abort.set()
                    self._ring()
                    publisher.join()

    def _wait_for(self, armed: threading.Event) -> None:
        while not armed.is_set() and not self._end.is_set():
            self._clock.wait(armed, 0.05)

    # -------------------------------------------------------------------------------------------------------------- parts

    def _journal(self) -> Journal:
        return Journal(journal_path(self._folder), self._clock)

    def _recover(self, journal: Journal) -> None:
        self._journal_identity = _identity(journal_path(self._folder))
        if self.run_id is None:
            self.run_id = str(journal.remember_first("run", f"run-{new_ulid(self._clock.now())}"))
        if self._command is not None:  # started with its training; a later agent of the same run remembers when that was
            self._began = float(journal.remember_first(f"began {self.run_id}", self._clock.now()))
        journal.recover_deliveries()
        journal.retry(rejected=False)
        journal.abandon_unfinished("the agent was stopped before it was done; looked for again")
        announce.elsewhere(journal.registered_elsewhere([sink.name for sink in self._sinks]))
        self._snapshots.collect(journal.needed_snapshots())
        self._snapshots.prepare()

    def _enter(self, journal: Journal, state: AgentState) -> None:
        why = self._ended.reason if self._ended is not None else ""
        self._note(journal, "agent", {"state": state.value, "pid": os.getpid(), "since": self._clock.now(), "why": why})

    def _note(self, journal: Journal, name: str, value: JsonValue) -> None:
        """Remember something that only `modelwatch status` shows: a full disk must not stop the agent here."""
        try:
            journal.remember(name, value)
        except StateError as error:
            log.debug("not remembered", what=name, why=error.message)

    def _lineage(self, journal: Journal) -> JsonValue:
        """Collect where the training comes from; a later agent of the same command must not tell of a commit that was made meanwhile."""
        settings = self._settings
        known = collect(
            settings.git,
            settings.lineage_environment,
            os.environ,
            command=self._command,
            directory=Path(os.getcwd()),  # noqa: PTH109 -- as the shell names it
        )
        if self._command is None:
            return known
        try:
            return journal.remember_first(f"lineage of {self.run_id}", known)
        except StateError as error:
            log.debug("the lineage is not remembered", why=error.message)  # a full disk: what is known now is as good
            return known

    def _common(self, journal: Journal) -> Identity:
        settings = self._settings
        if self.run_id is None:
            raise AssertionError("the agent does not run")
        lineage = self._lineage(journal)
        return Identity(
            team=settings.team,
            model=settings.model_name,
            provenance=Provenance(self.run_id, settings.experiment, settings.project, os.uname().nodename),
            lifetime=settings.lifetime,
            storage=settings.storage,
            model_path=os.path.realpath(settings.model_path),
            notes=settings.notes,
            metadata={"lineage": lineage} if lineage else {},
        )

    def _publishers(self) -> list[Worker]:
        return [Worker(f"publisher-{index}", partial(self._publish, sink), self._fail) for index, sink in enumerate(self._sinks)]

    def _snapshot_budget_bytes(self) -> int:
        return self._settings.snapshot_budget.limit_bytes(
            free_bytes=shutil.disk_usage(self._folder).free, held_bytes=self._snapshots.held().added_bytes
        )

    def _watcher(self, journal: Journal) -> Watcher:
        settings = self._settings
        scanner = Scanner(settings.model_path, ignore=settings.ignore)
        copying = settings.storage is Storage.COPY
        intake = Intake(
            formats=formats_for(settings.model_type, commit_markers=settings.commit_markers),
            claim=claim,
            snapshots=self._snapshots if copying else None,
            clock=self._clock,
            patience=Patience(settings.settle_seconds, settings.quiet_seconds),
            journalled=dict(journal.journalled()),
            room=Room(self._snapshots, self._snapshot_budget_bytes()) if copying else None,
        )
        return Watcher(
            scanner=scanner,
            open_hints=lambda: open_hints(
                settings.model_path, method=settings.watch_method, poll_seconds=settings.poll_seconds, ignore=settings.ignore
            ),
            intake=intake,
            open_journal=self._journal,
            hand_over=self._hand_over,
            is_ours=self._is_ours,
            on_vanished=self._on_vanished,
            clock=self._clock,
            rescan_seconds=settings.rescan_seconds,
        )

    # ------------------------------------------------------------------------------------------------------ registrar thread

    def _hand_over(self, pinned: Pinned) -> None:
        """Take a candidate from the watcher. Called in the watcher's thread."""
        self._pace.came()
        self._queue.put(pinned)

    def _register(self, answer: Callable[[Outcome], None]) -> None:
        with self._journal() as journal:
            registrar = Registrar(journal, self._common(journal), [sink.name for sink in self._sinks], self._join, self._clock)
            self._persist(partial(registrar.amend, final=False))
            while (item := self._queue.get()) is not None and not self._abort.is_set():
                if isinstance(item, _Amend):
                    self._amending.clear()
                    self._persist(partial(registrar.amend, final=item is _Amend.FINAL))
                else:
                    while not self._end.is_set() and (wait := self._pace.wait_seconds()):
                        self._clock.wait(self._end, wait)
                    self._read_what_was_logged()
                    outcome = self._persist(partial(registrar.register, item))
                    if outcome is not None:
                        answer(outcome)
                self._ring()

    def _read_what_was_logged(self) -> None:
        """Bring the scalars up to date for a version, which must not wait for their first reading: that may be long."""
        now = self._clock.monotonic()
        if self._scalars_read.is_set() and now - self._logs_read_at >= _SAME_SCALARS_SECONDS:
            self._logs.poll(walk=True)
            self._logs_read_at = now

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

    def _join(self, checkpoint: Checkpoint, directory: str, committed: float, *, final: bool) -> Joined:
        absolute = os.path.join(os.path.realpath(self._settings.model_path), directory) if directory else self._settings.model_path  # noqa: PTH118 - text that may hold surrogates, as scalars takes it
        return join(checkpoint, directory=absolute, committed=committed, scalars=self._logs, began=self._began, final=final)

    # ---------------------------------------------------------------------------------------------------------- other threads

    def _read_scalars(self, armed: threading.Event) -> None:
        self._wait_for(armed)  # the first reading may be long, and a checkpoint may live no longer than the next save
        told: tuple[Skipped, ...] = ()
        with self._journal() as journal:
            while True:
                last = self._scalars_stop.is_set()
                changed = self._logs.poll(final=last)
                self._scalars_read.set()
                if (problems := self._logs.problems()) != told:
                    told = problems
                    self._note(journal, "log_problems", [[problem.path, problem.reason] for problem in problems])
                if last:
                    return
                if changed and not self._amending.is_set():
                    self._amending.set()
                    self._queue.put(_Amend.NOW)
                self._clock.wait(self._scalars_stop, self._settings.scalars_seconds)

    def _publish(self, sink: Sink) -> None:
        bell = self._bells[sink.name]
        with self._journal() as journal:
            publisher = Publisher(journal, sink, self._snapshots, self._clock, self._tell)
            publisher.greet()
            troubled = False
            while not self._abort.is_set():
                bell.clear()
                self._sending[sink.name] = True
                try:
                    if troubled:
                        journal.recover_deliveries(sink.name)
                    publisher.publish_due(self._abort)
                    due = publisher.due_seconds()
                except StateError as error:
                    if not troubled:
                        log.warning(
                            "deliveries cannot be written down now; they are tried again", why=error.message, hint=error.hint
                        )
                    troubled, due = True, _UNWRITABLE_SECONDS
                else:
                    troubled = False
                finally:
                    self._sending[sink.name] = False
                if due is None and self._draining.is_set():
                    return
                self._clock.wait(bell, min(60.0, 60.0 if due is None else due))

    def _ring(self) -> None:
        for bell in self._bells.values():
            bell.set()

    def _tell(self, delivery: Delivery, receipt: Receipt) -> None:
        announce.delivered(delivery, receipt)
        self._counted.arrived(delivery)


def _identity(path: Path) -> tuple[int, int] | None:
    """Return what tells one file from another of the same name; None when there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return (found.st_dev, found.st_ino)
