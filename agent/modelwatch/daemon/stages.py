"""The threads of an agent that watches, each with its stage of the pipeline, wired to one another. What makes them end is the agent's."""

from __future__ import annotations

import contextlib
import os
import shutil
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from modelwatch.config.settings import Settings
from modelwatch.core import log
from modelwatch.core.abandon import Abandoned, abandoned_when
from modelwatch.core.clock import Clock
from modelwatch.core.deadline import Deadline
from modelwatch.core.entities import Checkpoint, Receipt, Storage
from modelwatch.core.errors import StateError
from modelwatch.core.json import JsonValue
from modelwatch.core.threads import Worker
from modelwatch.core.tree import Skipped
from modelwatch.daemon.intake import Intake
from modelwatch.daemon.origin import Origin, identity_of
from modelwatch.daemon.publisher_threads import PublisherThreads
from modelwatch.daemon.registrar import Registrar
from modelwatch.daemon.registrar_thread import RegistrarThread
from modelwatch.daemon.room import Room
from modelwatch.daemon.run_reports import RunReports
from modelwatch.daemon.scalars_thread import ScalarsThread
from modelwatch.daemon.state_folder import FOLDER_NAME
from modelwatch.daemon.watcher import Watcher
from modelwatch.daemon.work import Patience, Pinned
from modelwatch.formats.registry import claim, formats_for
from modelwatch.journal.journal import Journal
from modelwatch.journal.rows import Delivery
from modelwatch.metrics.join import Joined, join
from modelwatch.scalars.logdir import LogDirectories
from modelwatch.sinks.base import Sink
from modelwatch.snapshot.store import SnapshotStore
from modelwatch.watch.hints import open_hints
from modelwatch.watch.scan import Scanner


@dataclass(frozen=True, slots=True)
class Ground:
    """
    What all threads of one agent stand on.

    Attributes:
        settings: What the user asked for.
        sinks: Where versions are registered.
        snapshots: Our copies of checkpoints.
        open_journal: Called in each thread: a connection belongs to one.
        clock: The real one, but for tests.
        end: The end was asked for.
        abort: They are to stop, in the middle of what they have in hand if that takes long.
        fail: Called in a thread that fails.
        tell: Called with each delivery that arrived.
    """

    settings: Settings
    sinks: Sequence[Sink]
    snapshots: SnapshotStore
    open_journal: Callable[[], Journal]
    clock: Clock
    end: threading.Event
    abort: threading.Event
    fail: Callable[[], None]
    tell: Callable[[Delivery, Receipt], None]

    def publishers(self, reports: RunReports | None = None) -> PublisherThreads:
        """Return the threads that deliver, and that report the run when there are `reports`; `drain` needs no others."""
        return PublisherThreads(
            self.sinks,
            open_journal=self.open_journal,
            snapshots=self.snapshots,
            clock=self.clock,
            tell=self.tell,
            reports=reports,
            abort=self.abort,
            on_failure=self.fail,
        )


def note(journal: Journal, name: str, value: JsonValue) -> None:
    """Remember something that only `modelwatch status` shows: a full disk must not stop the agent here."""
    try:
        journal.remember(name, value)
    except StateError as error:
        log.debug("not remembered", what=name, why=error.message)


class Stages:
    """
    Watcher, registrar, scalars and publishers.

    Args:
        ground: What they stand on.

        journal: Of the calling thread.

        origin: Where the versions come from.

        is_ours: As in `Watcher`.

        on_vanished: As in `Watcher`.

    Attributes:
        watcher: Sees and pins.
        registrar: Makes versions.
        scalars: Reads event files.
        reports: Tell how the training goes on.
        publishers: Deliver.
        watching: The watcher's thread.
        registering: The registrar's thread.
        reading: The scalars' thread.
    """

    def __init__(
        self,
        ground: Ground,
        journal: Journal,
        *,
        origin: Origin,
        is_ours: Callable[[], bool],
        on_vanished: Callable[[], None],
    ) -> None:
        settings = ground.settings
        self._ground = ground
        self._origin = origin
        self._logs = LogDirectories(settings.log_dirs or (settings.model_path,), exclude=(FOLDER_NAME,))
        self.reports = RunReports(self._logs, origin, ground.clock, lambda: self.registrar.is_behind())  # noqa: PLW0108 - the registrar comes after the publishers, which it rings
        self.publishers = ground.publishers(self.reports)
        self.registrar = RegistrarThread(
            open_journal=ground.open_journal,
            registrar=self._registrar,
            on_change=self.publishers.ring,
            clock=ground.clock,
            end=ground.end,
            abort=ground.abort,
        )
        self.scalars = ScalarsThread(
            self._logs, poll_seconds=settings.scalars_seconds, clock=ground.clock, on_change=self.registrar.amend
        )
        self.watcher = self._watcher(journal, self.registrar.hand_over, is_ours, on_vanished)
        self.watching = Worker("watcher", self.watcher.run, ground.fail)
        self.registering = Worker("registrar", partial(self.registrar.run, self.watcher.answer, self.scalars.catch_up), ground.fail)
        self.reading = Worker("scalars", self._read_scalars, ground.fail)

    @property
    def workers(self) -> tuple[Worker, ...]:
        """Every thread."""
        return (self.watching, self.registering, self.reading, *self.publishers.workers)

    def have_failed(self) -> bool:
        """Return whether one of them has failed."""
        return any(worker.error is not None for worker in self.workers)

    def can_make_room(self) -> bool:
        """Return whether a snapshot may be let go of: something is on its way to a sink of ours, or will be. What is meant for others stays."""
        return self.registrar.is_busy() or self.publishers.have_work()

    def give_up(self) -> None:
        """Ask every thread to end without its last work."""
        self.watcher.finish(Deadline.after(self._ground.clock, 0.0))
        self.scalars.finish()
        self.registrar.finish(final=False)
        self.publishers.drain()

    def wait_until_armed(self) -> bool:
        """Wait until everything that becomes complete is seen, or the end was asked for; return whether it is seen. Any thread."""
        armed = self.watcher.armed
        while not armed.is_set() and not self._ground.end.is_set():
            self._ground.clock.wait(armed, 0.05)
        return armed.is_set()

    # -------------------------------------------------------------------------------------------------------------- parts

    def _watcher(
        self, journal: Journal, hand_over: Callable[[Pinned], None], is_ours: Callable[[], bool], on_vanished: Callable[[], None]
    ) -> Watcher:
        settings, clock, snapshots = self._ground.settings, self._ground.clock, self._ground.snapshots
        copying = settings.storage is Storage.COPY
        intake = Intake(
            formats=formats_for(settings.model_type, commit_markers=settings.commit_markers),
            claim=claim,
            snapshots=snapshots if copying else None,
            clock=clock,
            patience=Patience(settings.settle_seconds, settings.quiet_seconds),
            journalled=dict(journal.journalled()),
            room=Room(snapshots, self._snapshot_budget_bytes()) if copying else None,
        )
        return Watcher(
            scanner=Scanner(settings.model_path, ignore=settings.ignore),
            open_hints=lambda: open_hints(
                settings.model_path, method=settings.watch_method, poll_seconds=settings.poll_seconds, ignore=settings.ignore
            ),
            intake=intake,
            open_journal=self._ground.open_journal,
            hand_over=hand_over,
            is_ours=is_ours,
            on_vanished=on_vanished,
            clock=clock,
            rescan_seconds=settings.rescan_seconds,
        )

    def _snapshot_budget_bytes(self) -> int:
        snapshots = self._ground.snapshots
        return self._ground.settings.snapshot_budget.limit_bytes(
            free_bytes=shutil.disk_usage(snapshots.folder).free, held_bytes=snapshots.held().added_bytes
        )

    def _registrar(self, journal: Journal) -> Registrar:
        ground = self._ground
        identity = identity_of(ground.settings, self._origin, journal)
        self.reports.know(identity)
        return Registrar(journal, identity, [sink.name for sink in ground.sinks], self._join, ground.clock)

    def _join(self, checkpoint: Checkpoint, directory: str, committed: float, *, final: bool) -> Joined:
        model_path = self._ground.settings.model_path
        absolute = os.path.join(os.path.realpath(model_path), directory) if directory else model_path  # noqa: PTH118 - text that may hold surrogates, as scalars takes it
        return join(checkpoint, directory=absolute, committed=committed, scalars=self._logs, began=self._origin.began, final=final)

    def _read_scalars(self) -> None:
        self.wait_until_armed()  # the first reading may be long, and a checkpoint may live no longer than the next save
        abort = self._ground.abort
        with self._ground.open_journal() as journal, contextlib.suppress(Abandoned), abandoned_when(abort.is_set):
            self.scalars.run(partial(_note_problems, journal))


def _note_problems(journal: Journal, problems: Sequence[Skipped]) -> None:
    note(journal, "log_problems", [[problem.path, problem.reason] for problem in problems])
