"""
From a scan to files that are pinned and have settled: the first half of the pipeline.

    scan → claim → (hold) → shallow check → pin → settle → (hand over to the registrar)

Belongs to the watcher thread. It never hashes and never writes the journal, because a checkpoint may live no longer than the next save:
what counts here is the time from its last byte to our pin. What will prove itself is therefore held before it is looked at
(docs/adr/0021-held-before-looked-at.md).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from modelwatch.core import log
from modelwatch.core.clock import Clock
from modelwatch.core.entities import Candidate, Checkpoint, Verdict, VerdictKind
from modelwatch.core.errors import DiskFullError
from modelwatch.core.tree import FileStat, FileTree
from modelwatch.daemon.full_disk import FullDisk
from modelwatch.daemon.room import Room
from modelwatch.daemon.work import Key, Outcome, Patience, Phase, Pinned, Unfinished, Work, back_to_seen
from modelwatch.formats.base import Evidence, Format
from modelwatch.journal.states import CandidateState
from modelwatch.journal.trail import Members, Trail
from modelwatch.snapshot.store import Pin, SnapshotStore
from modelwatch.snapshot.take import Take, is_unchanged
from modelwatch.watch.settle import Change, compare

CONFIRM_SECONDS = 0.05
"""Between pin and the last listing, for formats without proof: a directory that is just being deleted looks whole for a moment."""

ORDER_SECONDS = 60.0
"""How long files must be unchanged before a wrong order of modification times is put down to a copy (facts: cp -r, rsync)."""

ROOM_SECONDS = 1.0
"""Between two looks for room in the snapshots while the budget is used up."""


@dataclass(slots=True)
class Intake:
    """
    The watcher's half of the pipeline.

    Attributes:
        formats: In order of precedence.
        claim: Divides a tree's files among the formats.
        snapshots: Where pins are made; None to only refer to files in place.
        clock: For durations and for the journal's times.
        patience: How long to wait.
        journalled: Files of the latest journalled generation of each candidate; kept up to date by outcomes.
        room: Says whether another snapshot may be begun; None for always.
        phase: How patient it is now.
        lost_for_room: How many complete checkpoints were destroyed before there was room to copy them.
        judged: How many times a candidate was judged: it grows when a scan brought something new.
    """

    formats: Sequence[Format]
    claim: Callable[[Sequence[Format], FileTree], Iterable[Candidate]]
    snapshots: SnapshotStore | None
    clock: Clock
    patience: Patience
    journalled: dict[Key, Members]
    room: Room | None = None
    phase: Phase = Phase.WATCHING
    lost_for_room: int = 0
    judged: int = 0
    _works: dict[Key, Work] = field(default_factory=dict)
    _handed: dict[Key, Pinned] = field(default_factory=dict)
    _refused: dict[Key, Members] = field(default_factory=dict)  # files that were refused once as they are
    _told: list[Trail] = field(default_factory=list)
    _room_at: float = 0.0  # monotonic seconds; when room is looked for again, if something waits for it
    _short_of_room: bool = False
    _disk: FullDisk = field(init=False)

    def __post_init__(self) -> None:
        """Begin with a disk that has room."""
        self._disk = FullDisk(self.clock)

    # -------------------------------------------------------------------------------------------------------------- asking

    def look(self, tree: FileTree) -> list[Pinned]:
        """
        Take in what a scan saw.

        Returns:
            The candidates that are pinned and settled now, oldest first. The caller hands each to the registrar, exactly once.
        """
        now = self.clock.monotonic()
        by_name = {format_.name: format_ for format_ in self.formats}
        ready: list[Pinned] = []
        seen: set[Key] = set()
        for candidate in sorted(self.claim(self.formats, tree), key=_completed_ns):  # the oldest will be deleted first
            key = (candidate.format, candidate.root)
            seen.add(key)
            if not self._is_known(key, by_name[candidate.format], candidate):
                self._meet(key, by_name[candidate.format], candidate, tree.root, now, ready)
        for key in [key for key in self._works if key not in seen]:
            self._part(key, ready)
        for key, work in list(self._works.items()):
            if self._settled(work, tree.root, now):
                del self._works[key]
                ready.append(self._hand_over(key, work))
        return sorted(ready, key=lambda pinned: _completed_ns(pinned.candidate))

    def answer(self, outcome: Outcome) -> None:
        """Take in what the registrar made of a candidate."""
        pinned = outcome.pinned
        key = (pinned.candidate.format, pinned.candidate.root)
        if self._handed.get(key) is pinned:
            del self._handed[key]
        if outcome.refusal is None:
            self.journalled[key] = pinned.candidate.members
            self._refused.pop(key, None)
        elif key not in self._works:
            self._works[key] = self._refused_work(key, pinned, outcome.refusal)
        else:
            self._gone(pinned.trail, outcome.refusal)

    def _refused_work(self, key: Key, pinned: Pinned, refusal: str) -> Work:
        """
        Return what is to become of a refused candidate.

        It is tried once more as it is: a copy that was taken between two writes of one clock tick, or a passing error of the disk, is not
        its fault, and a file at rest gives no other sign. Refused twice it waits for its files to change.
        """
        now = self.clock.monotonic()
        work = Work(pinned.format, pinned.candidate, pinned.trail, now)
        if self._refused.get(key) == pinned.candidate.members:
            work.verdict = Verdict.incomplete(refusal)
        else:
            self._refused[key] = pinned.candidate.members
            patience = self.patience
            work.retry_at = now + (patience.finish_seconds if self.phase is Phase.FINISHING else patience.settle_seconds)
        return work

    def due_seconds(self) -> float | None:
        """Return the seconds until `look` has something to do even if nothing changes on disk; None when nothing waits."""
        now = self.clock.monotonic()
        waits = [due - now for work in self._works.values() if (due := self._due(work)) is not None]
        return None if not waits else max(0.0, min(waits))

    def waiting_directories(self) -> set[str]:
        """Return the directories of everything that waits to settle: they are listed again before it is handed over."""
        return {stat.directory for work in self._works.values() if self._due(work) is not None for stat in work.candidate.members}

    def unsettled(self) -> int:
        """Return how many candidates are complete but not yet handed over and answered."""
        return len(self._handed) + sum(self._due(work) is not None for work in self._works.values())

    def unfinished(self) -> list[Unfinished]:
        """Return what is in the model path and has not become a version, by name."""
        found = [Unfinished(pinned.candidate.root, "complete", late=True) for pinned in self._handed.values()]
        for work in self._works.values():
            verdict = work.verdict
            if work.waits_for_room:
                found.append(Unfinished(work.candidate.root, self._no_room(), late=True))
            elif verdict is None or verdict.kind is VerdictKind.COMPLETE:
                reason = work.trail.pending[-1].reason if work.trail.pending else ""
                found.append(Unfinished(work.candidate.root, reason or "complete", late=True))
            elif verdict.kind is not VerdictKind.FOREIGN:
                found.append(Unfinished(work.candidate.root, verdict.reason, late=False))
        return sorted(found, key=lambda entry: entry.root)

    def has_seen_any(self) -> bool:
        """Return whether there is, or was, any file that a format took for its own."""
        return bool(self._works or self._handed or self.journalled)

    def waiting_for_room(self) -> int:
        """Return how many complete checkpoints are not copied because the snapshot budget is used up."""
        return sum(work.waits_for_room for work in self._works.values())

    def untold(self) -> list[Trail]:
        """Return the histories that have moves the journal does not know yet; the caller records them when it has time."""
        told, self._told = self._told, []
        return told + [work.trail for work in self._works.values() if work.trail.pending]

    # --------------------------------------------------------------------------------------------------------- one candidate

    def _is_known(self, key: Key, format_: Format, candidate: Candidate) -> bool:
        """Return whether these files were journalled, or are in the registrar's hands, as they are."""
        harmless = {Change.SAME, Change.SHRANK}
        if format_.evidence is Evidence.PROOF:
            harmless.add(Change.GREW)  # its content was proven complete; what is added later does not make it another checkpoint
        handed = self._handed.get(key)
        if handed is not None and compare(handed.candidate.members, candidate.members) in harmless:
            return True
        known = self.journalled.get(key)
        return known is not None and compare(known, candidate.members, by_inode=False) in harmless

    def _meet(self, key: Key, format_: Format, candidate: Candidate, root: str, now: float, ready: list[Pinned]) -> None:  # noqa: PLR0913, PLR0917 - one step of `look`, which owns all of these
        work = self._works.get(key)
        if work is None:
            work = self._begin(key, format_, candidate, now)
        else:
            change = compare(work.candidate.members, candidate.members)
            if change is Change.SAME:
                waiting = work.verdict is not None or (work.retry_at is not None and now < work.retry_at)
                if waiting and not self._order_may_be_forgiven(work, now):
                    return
            elif self._outlived(work, change):
                del self._works[key]
                ready.append(self._hand_over(key, work))
                if change is Change.SHRANK:
                    return
                work = self._begin(key, format_, candidate, now)
            elif work.held_back and change is Change.REWRITTEN:
                self._lose(work, "overwritten")
                work = self._begin(key, format_, candidate, now)
            else:
                self._follow(work, change, candidate, now)
        self._judge(work, root)

    def _begin(self, key: Key, format_: Format, candidate: Candidate, now: float) -> Work:
        trail = Trail(candidate.format, candidate.root, candidate.members)
        trail.move(CandidateState.SEEN, self.clock.now())
        work = self._works[key] = Work(format_, candidate, trail, now)
        return work

    def _outlived(self, work: Work, change: Change) -> bool:
        """Return whether our pin is a whole checkpoint by itself although its source is being deleted or written anew."""
        return (
            change in {Change.REWRITTEN, Change.SHRANK}
            and work.pin is not None
            and work.pinned_at is not None
            and work.format.evidence is Evidence.PROOF
        )

    def _follow(self, work: Work, change: Change, candidate: Candidate, now: float) -> None:
        """Go on with files that are not what they were."""
        work.candidate = candidate
        work.trail.members = candidate.members
        work.unchanged_since = now
        work.verdict = None
        work.order_forgiven = False
        work.pinned_at = None
        work.retry_at, work.failures = None, 0
        if change is Change.REWRITTEN:
            back_to_seen(work.trail, self.clock.now(), "written to before it had settled")

    def _judge(self, work: Work, root: str) -> None:
        self.judged += 1
        verdict = self._verdict(work, root)
        if verdict.only_order and (
            work.order_forgiven or work.format.evidence is Evidence.PROOF
        ):  # checksums will decide, not times
            verdict = Verdict(VerdictKind.COMPLETE, verdict.reason, verdict.checkpoint)
        work.verdict = verdict
        trail, at = work.trail, self.clock.now()
        if verdict.kind is VerdictKind.COMPLETE:
            if verdict.checkpoint is None:
                raise AssertionError(f"{work.format.name}: COMPLETE without a checkpoint")
            trail.step, trail.epoch = verdict.checkpoint.step, verdict.checkpoint.epoch
            if trail.state is not CandidateState.SETTLING:
                back_to_seen(trail, at)
                trail.move(CandidateState.SETTLING, at)
            if work.format.evidence is not Evidence.SILENCE:
                self._pin(work, root)
        elif verdict.kind is VerdictKind.FOREIGN:
            if trail.state is not CandidateState.FOREIGN:
                trail.move(CandidateState.FOREIGN, at, verdict.reason)
        else:
            back_to_seen(trail, at)
            trail.explain(at, verdict.reason)

    def _verdict(self, work: Work, root: str) -> Verdict:
        """Look at the files, after our hands are on them; at our own copy when they have gone meanwhile."""
        held = self._hold(work, root)
        verdict = work.format.inspect(root, work.candidate, deep=False)
        if held is None or verdict.checkpoint is not None or all(is_unchanged(root, stat) for stat in work.candidate.members):
            return verdict
        return work.format.inspect(str(held.folder), work.candidate, deep=False)

    def _hold(self, work: Work, root: str) -> Pin | None:
        """Take all files of what is gathered, if there is room; return the pin when all of them are in it."""
        if self.snapshots is None or not work.candidate.gathered or self._disk.is_full():
            return None
        if work.pin is None and not self._admits(work.candidate.members):
            return None
        try:
            if work.pin is None:
                work.pin = self.snapshots.begin()
            pin = work.pin
            takes = [
                pin.take(root, stat, hardlink=work.format.hardlink_safe(stat.path))
                for stat in work.candidate.members
                if pin.sources.get(stat.path) != stat
            ]
        except DiskFullError as error:
            self._disk.was_full(error)
            return None
        return pin if all(take is Take.TAKEN for take in takes) else None

    def _admits(self, members: Iterable[FileStat]) -> bool:
        """Return whether there is room for files that nothing waits before, and count them as begun."""
        return self.room is None or (not self._short_of_room and self.room.admits(sum(stat.size for stat in members)))

    def _part(self, key: Key, ready: list[Pinned]) -> None:
        """Let go of a candidate that is not in the tree any more."""
        work = self._works.pop(key)
        if self._outlived(work, Change.SHRANK):
            ready.append(self._hand_over(key, work))
            return
        if work.pin is not None:
            work.pin.discard()
        if work.held_back:
            self._lose(work, "deleted")
        elif work.checkpoint is not None and work.verdict is not None and work.verdict.kind is VerdictKind.COMPLETE:
            self._gone(work.trail, "deleted before it could be copied and had settled")
        else:
            why = work.verdict.reason if work.verdict is not None else ""
            self._gone(work.trail, f"deleted while incomplete: {why}" if why else "deleted at once")

    def _gone(self, trail: Trail, reason: str) -> None:
        trail.move(CandidateState.GONE, self.clock.now(), reason)
        self._told.append(trail)

    def _hand_over(self, key: Key, work: Work) -> Pinned:
        pinned = Pinned(work.format, work.candidate, work.pin, work.trail, work.order_forgiven)
        self._handed[key] = pinned
        return pinned

    # --------------------------------------------------------------------------------------------------------------- pinning

    def _pin(self, work: Work, root: str) -> None:
        """Pin what is not yet pinned as it is now; `pinned_at` is set when all of it is."""
        checkpoint = work.checkpoint
        if checkpoint is None or self._disk.is_full() or not self._has_room(work, checkpoint):
            return
        if self.snapshots is not None:
            try:
                if not self._take_members(work, checkpoint, root, self.snapshots):
                    return
            except DiskFullError as error:
                self._disk.was_full(error)
                return
            self._disk.had_room()
        work.pinned_at = self.clock.monotonic()

    def _take_members(self, work: Work, checkpoint: Checkpoint, root: str, snapshots: SnapshotStore) -> bool:
        if work.pin is None:
            work.pin = snapshots.begin()
        pin = work.pin
        for stat in work.candidate.members:
            if stat.path not in checkpoint.members or pin.sources.get(stat.path) == stat:
                continue
            take = pin.take(root, stat, hardlink=work.format.hardlink_safe(stat.path))
            if take is not Take.TAKEN:
                # The next scan shows what became of it; if nothing did, the copy is tried again, less and less often.
                work.verdict = None
                work.failures += 1
                work.retry_at = self.clock.monotonic() + min(30.0, CONFIRM_SECONDS * 2.0**work.failures)
                work.trail.explain(self.clock.now(), f"{stat.path}: {take.value} while it was being copied")
                return False
        return True

    def _has_room(self, work: Work, checkpoint: Checkpoint) -> bool:
        """Return whether its snapshot may be begun; a snapshot that was begun is finished. The oldest that waits goes first."""
        if self.room is None or self.snapshots is None or work.pin is not None:
            return True
        now = self.clock.monotonic()
        if now < self._room_at and self._short_of_room:  # before all that wait are gone through: they may be thousands
            self._hold_back(work)
            return False
        waiting = [other for other in self._works.values() if other.waits_for_room]
        if waiting and work is not min(waiting, key=lambda other: _completed_ns(other.candidate)):
            self._hold_back(work)
            return False
        if not self.room.admits(sum(stat.size for stat in work.candidate.members if stat.path in checkpoint.members)):
            self._room_at = now + ROOM_SECONDS
            self._hold_back(work)
            return False
        work.held_back = False
        self._room_at = now
        if self._short_of_room and not self.waiting_for_room():
            log.info("the snapshots have room again: going on")
            self._short_of_room = False
        return True

    def _hold_back(self, work: Work) -> None:
        if not work.held_back:
            work.held_back = True
            work.trail.explain(self.clock.now(), f"not copied yet: {self._no_room()}")
        if not self._short_of_room:
            log.warning(f"{self._no_room()}: nothing new is copied until versions have been delivered; see `modelwatch status`")
            self._short_of_room = True

    def _lose(self, work: Work, how: str) -> None:
        self.lost_for_room += 1
        self._gone(work.trail, f"{how} before it could be copied: {self._no_room()}")

    def _no_room(self) -> str:
        return "" if self.room is None else self.room.reason

    # -------------------------------------------------------------------------------------------------------------- settling

    def _wait_seconds(self, work: Work, checkpoint: Checkpoint) -> float:
        """Return how long the files must be unchanged before they are handed over."""
        evidence = work.format.evidence
        if evidence is Evidence.PROOF and self.snapshots is not None:
            awaited = [path for path in checkpoint.awaited if path not in work.candidate.paths]
            wait = self.patience.settle_seconds if awaited else 0.0
        elif evidence is Evidence.SILENCE:
            wait = self.patience.quiet_seconds
        else:
            wait = self.patience.settle_seconds
        return min(wait, self.patience.finish_seconds) if self.phase is Phase.FINISHING else wait

    def _due(self, work: Work) -> float | None:
        """Return the monotonic time at which the candidate can go on if nothing changes, or None if only a change helps."""
        verdict = work.verdict
        if verdict is None:
            return work.retry_at
        if verdict.only_order and verdict.kind is not VerdictKind.COMPLETE:
            return self._order_due(work)
        checkpoint = verdict.checkpoint
        if checkpoint is None or verdict.kind is not VerdictKind.COMPLETE:
            return None
        due = work.unchanged_since + self._wait_seconds(work, checkpoint)
        if work.pinned_at is None:
            return max(due, self._disk.until, self._room_at if work.held_back else 0.0)
        return max(due, work.pinned_at + CONFIRM_SECONDS) if work.format.evidence is not Evidence.PROOF else due

    def _settled(self, work: Work, root: str, now: float) -> bool:
        checkpoint = work.checkpoint
        if checkpoint is None or work.verdict is None or work.verdict.kind is not VerdictKind.COMPLETE:
            return False
        if now < work.unchanged_since + self._wait_seconds(work, checkpoint):
            return False
        if work.pinned_at is None:
            self._pin(work, root)
            return work.is_pinned and work.format.evidence is Evidence.PROOF
        return work.format.evidence is Evidence.PROOF or now >= work.pinned_at + CONFIRM_SECONDS

    def _order_due(self, work: Work) -> float:
        wait = self.patience.finish_seconds if self.phase is Phase.FINISHING else ORDER_SECONDS
        return work.unchanged_since + wait

    def _order_may_be_forgiven(self, work: Work, now: float) -> bool:
        """Return whether a candidate that only its times speak against has been unchanged for so long that a copy must have set them."""
        if work.verdict is None or not work.verdict.only_order or work.order_forgiven or now < self._order_due(work):
            return False
        work.order_forgiven = True
        return True


def _completed_ns(candidate: Candidate) -> int:
    """Return when the last of the files was written: versions found in one scan are numbered in that order."""
    return max(member.mtime_ns for member in candidate.members)
