"""The watcher thread: hints wake it, scans tell it what is there, the intake decides what to do."""

from __future__ import annotations

import contextlib
import math
import os
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from modelwatch.core import log, steps
from modelwatch.core.abandon import Abandoned, abandoned_when
from modelwatch.core.clock import Clock
from modelwatch.core.deadline import Deadline
from modelwatch.core.errors import StateError
from modelwatch.core.json import JsonValue
from modelwatch.core.tree import FileTree, Skipped
from modelwatch.daemon.attention import Attention
from modelwatch.daemon.intake import Intake
from modelwatch.daemon.work import Outcome, Phase, Pinned
from modelwatch.journal.journal import Journal
from modelwatch.journal.states import CandidateState
from modelwatch.journal.trail import Trail
from modelwatch.watch.hints import Hint, Hints
from modelwatch.watch.scan import ModelPathError, ModelPathMissingError, Scanner

_MISSING_SECONDS = 0.5
"""Between two looks for a model path that is not there yet."""

_QUIET_SECONDS = 0.05
"""Nothing has happened for so long: there is time for the journal, whose writing may take longer than a checkpoint lives."""

_TELL_SECONDS = 5.0
"""The journal learns of moves before the commit point at least this often, even in a burst that never pauses."""

_SKIPPED_SHOWN = 1000
"""Entries that are not looked at and that `modelwatch status` can show."""

_PRESENCE_SECONDS = 1.0
"""Between two looks whether the model path is still the folder that is watched: while our journal in it is open, the kernel does not tell."""


@dataclass(slots=True)
class Watcher:
    """
    Runs the intake.

    Attributes:
        scanner: Walks the model path.
        open_hints: Starts watching for changes; called again when the model path was missing.
        intake: Takes in each scan.
        open_journal: Called in the thread.
        hand_over: Where settled candidates go.
        clock: For durations.
        is_ours: Whether the state folder is still the one that the journal is in.
        on_vanished: Called in the thread, which ends then, when the state folder went away, with the model path or without it.
        rescan_seconds: Between full scans, whatever the hints say.
        files: How many files the latest scan saw.
        armed: Set once the first scan is done.
    """

    scanner: Scanner
    open_hints: Callable[[], Hints]
    intake: Intake
    open_journal: Callable[[], Journal]
    hand_over: Callable[[Pinned], None]
    clock: Clock
    is_ours: Callable[[], bool]
    on_vanished: Callable[[], None]
    rescan_seconds: float
    armed: threading.Event = field(default_factory=threading.Event)
    outcomes: deque[Outcome] = field(default_factory=deque)
    _finish: threading.Event = field(default_factory=threading.Event)
    _deadline: Deadline | None = None
    _hints: Hints | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _unwritten: list[Trail] = field(default_factory=list)
    _skipped: tuple[Skipped, ...] = ()
    files: int = 0
    _seen: FileTree | None = None  # the tree that the intake saw last
    _waiting_for_room: int | None = None
    _journal_fails: bool = False
    _told_at: float = -math.inf  # monotonic seconds

    # ------------------------------------------------------------------------------------------------- from other threads

    def answer(self, outcome: Outcome) -> None:
        """Take in what the registrar made of a candidate. Any thread."""
        self.outcomes.append(outcome)
        self._wake()

    def waits_for_room(self) -> bool:
        """Return whether checkpoints wait for the snapshot budget. Any thread, about a second late."""
        return bool(self._waiting_for_room)

    def finish(self, deadline: Deadline) -> None:
        """Ask for the last scan: the thread ends when nothing is left to settle, or at the deadline. Any thread."""
        self._deadline = deadline
        self._finish.set()
        self._wake()

    def _wake(self) -> None:
        with self._lock:
            if self._hints is not None:
                self._hints.wake()

    # ----------------------------------------------------------------------------------------------------------- the thread

    def run(self) -> None:
        """Watch until `finish` was called and its work is done, or its deadline has passed: what is being copied then is found again."""
        with self.open_journal() as journal:
            try:
                with contextlib.suppress(Abandoned), abandoned_when(self._late):
                    self._run(journal)
            finally:
                self._use(None)

    def _run(self, journal: Journal) -> None:
        while not self._over():
            tree = self._first_scan(journal)
            if tree is None:
                return
            try:
                self._follow(tree, journal)
            except ModelPathError as error:
                log.warning("what is watched is gone; beginning anew", why=error.message)
                self._look(FileTree(self.scanner.root, {}), journal, tell=True)
                self._use(None)
                if not self.is_ours():
                    self.on_vanished()
                    return

    def _first_scan(self, journal: Journal) -> FileTree | None:
        """Wait until the model path can be scanned; return None when asked to finish before."""
        said = ""
        while True:
            try:
                self._use(self.open_hints())
                tree = self.scanner.full()
            except ModelPathError as error:
                self._use(None)
                if error.message != said:
                    said = error.message
                    log.warning("waiting for the model path", why=error.message, hint=error.hint)
                    self._write(partial(journal.remember, "waiting", {"why": error.message, "since": self.clock.now()}))
                self.armed.set()
                if self._finish.is_set():
                    return None
                self.clock.wait(self._finish, _MISSING_SECONDS)
            else:
                if said:
                    log.info("the model path is there: watching", path=self.scanner.root)
                self._write(partial(journal.remember, "waiting", None))
                steps.reached("watcher.scanned")
                return tree

    def _follow(self, tree: FileTree, journal: Journal) -> None:
        """Scan as hints and due times ask, until it is time to end."""
        hints = self._hints
        if hints is None:
            raise AssertionError("no hints are open")
        attention = Attention(self.clock)
        scanned_at = self.clock.monotonic()
        finishing = False
        watched = _identity(self.scanner.root)
        while True:
            busy = self._look(tree, journal, tell=self.clock.monotonic() - self._told_at > _TELL_SECONDS)
            self.armed.set()
            if finishing and (self.intake.unsettled() == 0 or self._late()):
                break
            attention.ended(in_vain=not busy)
            if pause := attention.pause_seconds():
                self.clock.wait(self._finish, pause)
            hint = self._next_hint(hints, tree, journal, scanned_at, finishing=finishing)
            attention.began()
            self._expect(watched)
            now = self.clock.monotonic()
            last = self._finish.is_set() and not finishing
            if hint.everything or last or now - scanned_at >= self.rescan_seconds:
                tree, scanned_at = self.scanner.full(), now
                if last:
                    finishing, self.intake.phase = True, Phase.FINISHING
            else:
                due = self.intake.due_seconds()
                directories = hint.directories | (self.intake.waiting_directories() if due is not None and due <= 0 else set())
                if directories:
                    tree = self.scanner.refresh(tree, directories)
        self._tell(tree, journal)

    def _next_hint(self, hints: Hints, tree: FileTree, journal: Journal, scanned_at: float, *, finishing: bool) -> Hint:
        """Wait until there is something to do; once nothing has happened for a moment, use it to write the journal."""

        def timeout_seconds() -> float:
            called = self.outcomes or (self._finish.is_set() and not finishing)
            return 0.0 if called else self._timeout_seconds(scanned_at)

        timeout = timeout_seconds()
        hint = hints.wait(min(timeout, _QUIET_SECONDS))
        if hint.everything or hint.directories or timeout <= _QUIET_SECONDS or timeout_seconds() == 0.0:
            return hint
        self._tell(tree, journal)
        return hints.wait(timeout_seconds())

    def _expect(self, watched: tuple[int, int]) -> None:
        """
        See that what is watched is still there, and so is the state folder.

        Raises:
            ModelPathError: It is not.
        """
        if _identity(self.scanner.root) != watched:
            raise ModelPathMissingError(f"{self.scanner.root} is not there any more, or is another folder now")
        if not self.is_ours():
            raise ModelPathMissingError("the state folder was deleted or moved away")

    def _look(self, tree: FileTree, journal: Journal, *, tell: bool) -> bool:
        """Let the intake see the tree, unless it has seen it and nothing is due; return whether that brought anything on."""
        answered = len(self.outcomes)
        due = self.intake.due_seconds()
        if tree is self._seen and not answered and (due is None or due > 0):
            if tell:
                self._tell(tree, journal)
            return False
        self._seen = tree
        self.files = tree.file_count()
        for _ in range(answered):
            self.intake.answer(self.outcomes.popleft())
        before = self.intake.judged
        ready = self.intake.look(tree)
        for pinned in ready:
            self.hand_over(pinned)
        if tell:
            self._tell(tree, journal)
        return bool(ready or answered or self.intake.judged != before)

    def _tell(self, tree: FileTree, journal: Journal) -> None:
        """Write what people want to know of and nothing depends on; a full disk only delays it."""
        self._told_at = self.clock.monotonic()
        trails = self._unwritten + self.intake.untold()
        if self._write(partial(journal.record, trails)):
            self._unwritten = []
        else:
            self._unwritten = [trail for trail in trails if trail.state is CandidateState.GONE]
        if tree.skipped != self._skipped:
            shown: JsonValue = [[entry.path, entry.reason] for entry in tree.skipped[:_SKIPPED_SHOWN]]
            if self._write(partial(journal.remember, "skipped", shown)):
                self._skipped = tree.skipped

        if (waiting := self.intake.waiting_for_room()) != self._waiting_for_room:
            short: JsonValue = {"waiting": waiting, "why": self.intake.room.reason} if waiting and self.intake.room else None
            if self._write(partial(journal.remember, "short_of_room", short)):
                self._waiting_for_room = waiting

    def _write(self, work: Callable[[], None]) -> bool:
        """Do work that writes the journal; return whether that was possible. That it is not is said once, and once that it is again."""
        try:
            work()
        except StateError as error:
            if not self._journal_fails:
                log.warning("the journal cannot be written now; it is tried again", why=error.message, hint=error.hint)
            self._journal_fails = True
            return False
        if self._journal_fails:
            log.info("the journal can be written again")
        self._journal_fails = False
        return True

    def _timeout_seconds(self, scanned_at: float) -> float:
        waits = [_PRESENCE_SECONDS, self.rescan_seconds - (self.clock.monotonic() - scanned_at)]
        due = self.intake.due_seconds()
        if due is not None:
            waits.append(due)
        if self._deadline is not None:
            waits.append(self._deadline.remaining_seconds())
        return max(0.0, min(waits))

    def _late(self) -> bool:
        return self._deadline is not None and self._deadline.passed()

    def _over(self) -> bool:
        return self._finish.is_set() and self.intake.phase is Phase.FINISHING

    def _use(self, hints: Hints | None) -> None:
        with self._lock:
            old, self._hints = self._hints, hints
        if old is not None:
            old.close()


def _identity(path: str) -> tuple[int, int]:
    """Return what tells one folder from another of the same name; of none, what no folder has."""
    try:
        found = os.stat(path)  # noqa: PTH116 - text that may hold surrogates
    except OSError:
        return (-1, -1)
    return (found.st_dev, found.st_ino)
