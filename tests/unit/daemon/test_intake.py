"""The intake: what is pinned when, what waits for what, and what is handed over once."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from tensorflow_files import lay_out

from modelwatch.core.entities import VerdictKind
from modelwatch.core.errors import DiskFullError
from modelwatch.daemon.intake import CONFIRM_SECONDS, Intake
from modelwatch.daemon.room import Room
from modelwatch.daemon.work import Outcome, Patience, Phase
from modelwatch.formats.registry import claim, formats_for
from modelwatch.formats.tensorflow_checkpoint import TensorFlowCheckpoint
from modelwatch.journal.states import CandidateState
from modelwatch.snapshot.store import SnapshotStore
from modelwatch.testing.clock import FakeClock
from modelwatch.watch.scan import Scanner

GOLDEN = Path(__file__).parents[2] / "golden"
KERAS = GOLDEN / "keras" / "three-epochs.keras"
BUNDLE = ("model.ckpt-3.data-00000-of-00001", "model.ckpt-3.index")
META = "model.ckpt-3.meta"


class Bench:
    """An intake over a real folder, with a clock that the test moves."""

    def __init__(self, folder: Path, *, snapshots: SnapshotStore | None = None) -> None:
        self.root = folder / "models"
        self.root.mkdir()
        self.clock = FakeClock()
        self.scanner = Scanner(str(self.root))
        self.intake = Intake(
            formats=formats_for(None),
            claim=claim,
            snapshots=snapshots or SnapshotStore(folder / "snapshots"),
            clock=self.clock,
            patience=Patience(settle_seconds=2.0, quiet_seconds=10.0, finish_seconds=0.5),
            journalled={},
        )

    def look(self, after_seconds: float = 0.0):
        """Let time pass, scan, and return what is handed over."""
        self.clock.advance(after_seconds)
        return self.intake.look(self.scanner.full())

    def bring(self, *names: str) -> None:
        """Write files of a golden TensorFlow checkpoint."""
        for name in names:
            shutil.copy(GOLDEN / "tensorflow" / "saver" / name, self.root / name)

    def states(self) -> dict[str, list[CandidateState]]:
        """Return the moves that the journal has not been told, by root."""
        return {trail.root: [move.state for move in trail.pending] for trail in self.intake.untold()}


@pytest.fixture
def bench(tmp_path):
    """An empty model path and its intake."""
    return Bench(tmp_path)


def test_an_archive_that_proves_itself_is_handed_over_by_the_scan_that_sees_it(bench):
    """A `.keras` file that is complete needs no second look."""
    shutil.copy(KERAS, bench.root / "a.keras")
    [pinned] = bench.look()
    assert pinned.candidate.root == "a.keras"
    assert (pinned.pin.folder / "a.keras").read_bytes() == KERAS.read_bytes()
    assert bench.look() == []


def test_a_checkpoint_waits_one_settle_time_for_its_meta_graph(bench):
    """A Saver writes `.meta` last: it is waited for, and taken when it comes."""
    bench.bring(*BUNDLE)
    assert bench.look() == []
    bench.bring(META)
    [pinned] = bench.look(0.1)
    assert sorted(pinned.pin.sources) == sorted([*BUNDLE, META])


def test_a_copied_checkpoint_whose_times_are_in_the_wrong_order_is_taken_at_once(bench):
    """`cp -r` may leave the data younger than the index; the checksums decide, in the registrar."""
    bench.bring(*BUNDLE, META)
    os.utime(bench.root / BUNDLE[1], (1_000_000_000, 1_000_000_000))
    assert len(bench.look()) == 1


def test_a_checkpoint_without_meta_graph_is_handed_over_after_the_settle_time(bench):
    """A Saver may write no `.meta` at all (`write_meta_graph=False`)."""
    bench.bring(*BUNDLE)
    assert bench.look() == []
    assert bench.intake.due_seconds() == pytest.approx(2.0)
    [pinned] = bench.look(2.0)
    assert sorted(pinned.pin.sources) == sorted(BUNDLE)


def test_a_checkpoint_that_rotation_deletes_after_one_scan_is_not_lost(bench):
    """What was pinned and proves itself outlives its source."""
    bench.bring(*BUNDLE)
    bench.look()
    for name in BUNDLE:
        (bench.root / name).unlink()
    [pinned] = bench.look(0.004)
    assert sorted(path.name for path in Path(pinned.pin.folder).iterdir()) == sorted(BUNDLE)


class Rotated(TensorFlowCheckpoint):
    """TensorFlow checkpoints that are deleted or written to after they have been found and before they are looked at."""

    def __init__(self, meddle):
        self.meddle = meddle

    def inspect(self, folder, candidate, *, deep):
        """Meddle once, and judge."""
        self.meddle, meddle = lambda: None, self.meddle
        meddle()
        return super().inspect(folder, candidate, deep=deep)


@pytest.mark.parametrize("gone", [BUNDLE[:1], BUNDLE[1:], BUNDLE], ids=["data", "index", "both"])
def test_a_checkpoint_that_is_deleted_while_it_is_looked_at_is_not_lost(bench, gone):
    """What is gathered is held before it is looked at, and looked at in our copy when the source has gone."""
    bench.bring(*BUNDLE)
    bench.intake.formats = [Rotated(lambda: [(bench.root / name).unlink() for name in gone])]
    bench.look()
    for name in set(BUNDLE).difference(gone):
        (bench.root / name).unlink()
    [pinned] = bench.look(0.004)
    assert TensorFlowCheckpoint().inspect(str(pinned.pin.folder), pinned.candidate, deep=True).kind is VerdictKind.COMPLETE


def test_a_checkpoint_that_is_held_and_found_torn_is_taken_again_when_it_is_whole(bench):
    """Holding it early does not make it complete: its index is cut off, and written anew."""
    bench.bring(*BUNDLE)
    whole = (bench.root / BUNDLE[1]).read_bytes()
    (bench.root / BUNDLE[1]).write_bytes(whole[:-1])
    assert bench.look() == []
    assert bench.intake.unsettled() == 0
    (bench.root / BUNDLE[1]).write_bytes(whole)
    [pinned] = bench.look() + bench.look(2.0)
    assert (pinned.pin.folder / BUNDLE[1]).read_bytes() == whole


def test_nothing_is_held_that_cannot_be_whole(bench):
    """A data file without its index is a save that goes on, or a deletion: the snapshots have no part of it."""
    bench.bring(BUNDLE[0])
    assert bench.look() == []
    assert list(bench.intake.snapshots.folder.glob("*/files/*")) == []


def test_nothing_is_held_without_room(bench):
    """The snapshot budget counts for what is held, too."""
    bench.bring(*BUNDLE)
    bench.intake.room = Room(bench.intake.snapshots, 1)
    (bench.intake.snapshots.begin().folder / "other").write_bytes(b"some of it")
    assert bench.look() == []
    assert bench.intake.waiting_for_room() == 1
    assert [path.name for path in bench.intake.snapshots.folder.glob("*/files/*")] == ["other"]


def test_rotation_that_deletes_file_by_file_hands_over_once(bench):
    """A checkpoint seen again with fewer files, while it is being deleted, is the one that was handed over."""
    bench.bring(*BUNDLE, META)
    [pinned] = bench.look()
    for name in (META, BUNDLE[1]):
        (bench.root / name).unlink()
        assert bench.look() == []
    bench.intake.answer(Outcome(pinned))
    assert bench.look() == []


def test_a_file_written_anew_under_the_same_name_is_another_checkpoint(bench):
    """`ModelCheckpoint('best.keras')` overwrites its file: each content is a checkpoint of its own."""
    best = bench.root / "best.keras"
    shutil.copy(KERAS, best)
    [first] = bench.look()
    bench.intake.answer(Outcome(first))
    best.unlink()
    shutil.copy(GOLDEN / "keras" / "three-epochs.keras", bench.root / "new")
    (bench.root / "new").rename(best)
    [second] = bench.look()
    assert second.trail is not first.trail


def test_what_an_earlier_agent_journalled_is_left_alone(bench, tmp_path):
    """A restarted agent does not take in again what is as it was."""
    shutil.copy(KERAS, bench.root / "a.keras")
    [pinned] = bench.look()
    bench.intake.journalled[pinned.format.name, "a.keras"] = pinned.candidate.members
    again = Intake(
        bench.intake.formats,
        claim,
        SnapshotStore(tmp_path / "s2"),
        bench.clock,
        bench.intake.patience,
        dict(bench.intake.journalled),
    )
    assert again.look(bench.scanner.full()) == []


def test_a_torn_file_waits_and_is_handed_over_when_it_is_whole(bench):
    """Half a file is seen and explained, and nothing is registered until the rest has come."""
    data = KERAS.read_bytes()
    (bench.root / "a.keras").write_bytes(data[: len(data) // 2])
    assert bench.look() == []
    [trail] = bench.intake.untold()
    assert trail.state is CandidateState.SEEN
    assert trail.pending[-1].reason
    (bench.root / "a.keras").write_bytes(data)
    assert len(bench.look(0.1)) == 1


def test_a_saved_model_must_be_unchanged_for_the_settle_time_and_looked_at_once_more(bench):
    """A SavedModel's structure does not prove that its writer has ended."""
    lay_out("saved_model_2", bench.root / "export" / "1")
    assert bench.look() == []
    assert bench.look(1.0) == []
    (bench.root / "export" / "1" / "assets" / "late.txt").write_text("late")
    assert bench.look(1.0) == []
    assert bench.look(1.9) == []
    [pinned] = bench.look(0.1 + CONFIRM_SECONDS)
    assert "export/1/assets/late.txt" in pinned.pin.sources


def test_a_model_deleted_before_it_had_settled_is_gone_with_the_reason(bench):
    """What was lost is counted and shown, never dropped silently."""
    lay_out("saved_model_2", bench.root / "export" / "1")
    bench.look()
    shutil.rmtree(bench.root / "export")
    assert bench.look(0.5) == []
    [trail] = bench.intake.untold()
    assert trail.state is CandidateState.GONE
    assert "before it could be copied and had settled" in trail.pending[-1].reason


def test_a_file_deleted_while_incomplete_is_gone_with_the_reason(bench):
    """An interrupted save that is cleaned up is shown as such."""
    (bench.root / "a.keras").write_bytes(KERAS.read_bytes()[:100])
    bench.look()
    (bench.root / "a.keras").unlink()
    bench.look()
    [trail] = bench.intake.untold()
    assert trail.state is CandidateState.GONE
    assert trail.pending[-1].reason.startswith("deleted while incomplete")


def refuse(bench, pinned):
    """Answer as the registrar does when a copy is not what it should be."""
    pinned.trail.move(CandidateState.CHANGED, 1.0)
    pinned.trail.move(CandidateState.SEEN, 1.0, "corrupt")
    bench.intake.answer(Outcome(pinned, "corrupt"))


def test_a_refused_candidate_is_tried_once_more_and_then_only_when_its_files_change(bench):
    """A copy taken at a bad moment gets a second chance; the same bytes refused twice wait for other bytes."""
    shutil.copy(KERAS, bench.root / "a.keras")
    [first] = bench.look()
    refuse(bench, first)
    assert bench.look(1.0) == []
    [second] = bench.look(1.0)
    refuse(bench, second)
    assert bench.look(60.0) == []
    shutil.copy(KERAS, bench.root / "new")
    (bench.root / "new").rename(bench.root / "a.keras")
    assert len(bench.look()) == 1


def test_after_the_end_of_training_a_short_wait_is_enough(bench):
    """Nobody writes any more: the finish time replaces the longer ones."""
    lay_out("saved_model_2", bench.root / "export" / "1")
    bench.look()
    bench.intake.phase = Phase.FINISHING
    assert bench.intake.due_seconds() == pytest.approx(0.5)
    assert len(bench.look(0.5)) == 1
    assert bench.intake.due_seconds() is None


class FullStore(SnapshotStore):
    """A store on a disk that is full until somebody makes room: the far side of a failure."""

    full = True

    def begin(self):
        """Give a pin that cannot take anything while the disk is full."""
        pin = super().begin()
        take = pin.take

        def refusing(root, stat, *, hardlink):
            if self.full:
                raise DiskFullError("no room")
            return take(root, stat, hardlink=hardlink)

        pin.take = refusing
        return pin


def test_a_full_disk_delays_and_loses_nothing(tmp_path):
    """While the disk is full checkpoints wait; when it has room they are taken."""
    store = FullStore(tmp_path / "snapshots")
    bench = Bench(tmp_path, snapshots=store)
    shutil.copy(KERAS, bench.root / "a.keras")
    assert bench.look() == []
    assert 0 < bench.intake.due_seconds() <= 30.0
    store.full = False
    assert len(bench.look(30.0)) == 1
