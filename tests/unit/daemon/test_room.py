"""The snapshot budget: what is kept, what waits, and what is said of it."""

import os
import shutil
import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_disks import tmpfs, with_reflinks

from modelwatch.config.snapshot_budget import SnapshotBudget
from modelwatch.daemon.intake import ROOM_SECONDS, Intake
from modelwatch.daemon.room import Room, fits
from modelwatch.daemon.work import Outcome, Patience, Work
from modelwatch.formats.registry import claim, formats_for
from modelwatch.journal.states import CandidateState
from modelwatch.snapshot.store import SnapshotStore
from modelwatch.snapshot.take import Take
from modelwatch.testing.clock import FakeClock
from modelwatch.watch.scan import Scanner

KERAS = Path(__file__).parents[2] / "golden" / "keras" / "three-epochs.keras"
SIZE = KERAS.stat().st_size


class Bench:
    """An intake with a budget of so many checkpoints over a real folder, with a clock that the test moves."""

    def __init__(self, folder: Path, checkpoints: float) -> None:
        self.root = folder / "models"
        self.root.mkdir(exist_ok=True)
        self.clock = FakeClock()
        self.scanner = Scanner(str(self.root))
        self.snapshots = SnapshotStore(folder / "snapshots")
        self.intake = Intake(
            formats=formats_for(None),
            claim=claim,
            snapshots=self.snapshots,
            clock=self.clock,
            patience=Patience(),
            journalled={},
            room=Room(self.snapshots, int(SIZE * checkpoints)),
        )

    def save(self, name: str, age: int = 0) -> None:
        """Write a complete checkpoint, so many seconds before a fixed time."""
        shutil.copy(KERAS, self.root / "being-written")
        os.utime(self.root / "being-written", (1_600_000_000 - age, 1_600_000_000 - age))
        (self.root / "being-written").rename(self.root / name)

    def look(self, after_seconds: float = 0.0):
        """Let time pass, scan, and return what is handed over, by name."""
        self.clock.advance(after_seconds)
        return {pinned.candidate.root: pinned for pinned in self.intake.look(self.scanner.full())}

    def deliver(self, pinned) -> None:
        """Journal a version, and discard its snapshot as the publisher does after the delivery."""
        self.intake.answer(Outcome(pinned))
        self.snapshots.discard(pinned.pin.id)

    def reasons(self):
        """Return the latest state and reason of each checkpoint with news, by name."""
        return {trail.root: (trail.pending[-1].state, trail.pending[-1].reason) for trail in self.intake.untold()}


@given(st.integers(1, 100), st.lists(st.integers(0, 60)))
def test_the_budget_is_kept_by_all_but_one_checkpoint_that_is_larger(budget, sizes):
    """Whatever comes, snapshots hold at most the budget, or one of them alone."""
    held = []
    for size in sizes:
        if fits(budget, sum(held), size):
            held.append(size)
        assert sum(held) <= budget or len([size for size in held if size]) == 1


def test_what_is_undelivered_is_kept_and_the_next_waits_for_room(tmp_path, caplog):
    """A checkpoint beyond the budget is taken when one before it has been delivered and it is still there; both are said once."""
    caplog.set_level("INFO", "modelwatch")
    bench = Bench(tmp_path, 2.5)
    for number in range(4):
        bench.save(f"{number}.keras", age=10 - number)
    kept = bench.look()
    assert sorted(kept) == ["0.keras", "1.keras"]
    assert bench.intake.waiting_for_room() == 2
    assert bench.reasons()["2.keras"] == (CandidateState.SETTLING, f"not copied yet: {bench.intake.room.reason}")
    assert bench.look(ROOM_SECONDS) == {}
    assert bench.intake.due_seconds() == pytest.approx(ROOM_SECONDS)
    bench.deliver(kept["0.keras"])
    assert list(bench.look(ROOM_SECONDS)) == ["2.keras"]
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    bench.deliver(kept["1.keras"])
    assert list(bench.look(ROOM_SECONDS)) == ["3.keras"]
    assert bench.intake.waiting_for_room() == 0
    assert bench.intake.due_seconds() is None
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]


@pytest.mark.parametrize("destroyed", ["deleted", "overwritten"])
def test_what_is_destroyed_while_it_waits_is_gone_with_the_reason(tmp_path, destroyed):
    """Nobody has to guess why a checkpoint did not become a version."""
    bench = Bench(tmp_path, 1.5)
    bench.save("a.keras", age=2)
    bench.look()
    bench.save("b.keras", age=1)
    bench.look()
    bench.reasons()
    if destroyed == "deleted":
        (bench.root / "b.keras").unlink()
    else:
        bench.save("b.keras")
    bench.look(0.1)
    gone = [trail for trail in bench.intake.untold() if trail.state is CandidateState.GONE]
    assert [(trail.root, trail.pending[-1].reason) for trail in gone] == [
        ("b.keras", f"{destroyed} before it could be copied: {bench.intake.room.reason}")
    ]
    assert bench.intake.waiting_for_room() == (destroyed == "overwritten")
    assert bench.intake.lost_for_room == 1


def test_one_checkpoint_is_always_taken(tmp_path):
    """A budget below one checkpoint means one at a time, not none."""
    bench = Bench(tmp_path, 0.1)
    for number in range(3):
        bench.save(f"{number}.keras", age=10 - number)
    taken = []
    ready = bench.look()
    while ready:
        assert len(ready) == 1
        taken += ready
        for pinned in ready.values():
            bench.deliver(pinned)
        ready = bench.look(ROOM_SECONDS)
    assert taken == ["0.keras", "1.keras", "2.keras"]


def test_a_new_checkpoint_does_not_overtake_one_that_waits(tmp_path):
    """Room that came back goes to the oldest that waits, also when a younger one is seen first."""
    bench = Bench(tmp_path, 1.5)
    bench.save("first.keras", age=3)
    [first] = bench.look().values()
    bench.save("waits.keras", age=2)
    bench.look()
    bench.deliver(first)
    bench.save("another.keras", age=1)
    assert list(bench.look(ROOM_SECONDS)) == ["waits.keras"]


def test_thousands_that_wait_cost_no_more_than_one_look_each(tmp_path, monkeypatch):
    """A scan asks each that waits a few times, not each about each: an old run's folder may hold ten thousand."""
    bench, number, asked = Bench(tmp_path, 1.5), 40, []
    for index in range(number):
        bench.save(f"{index}.keras", age=number - index)
    bench.look()
    waits = Work.waits_for_room.fget
    monkeypatch.setattr(Work, "waits_for_room", property(lambda work: asked.append(work) or waits(work)))
    assert bench.look() == {}
    assert bench.intake.waiting_for_room() == number - 1
    assert len(asked) <= 5 * number


def test_hard_links_count_once_their_source_is_deleted(tmp_path):
    """They add nothing to the disk before; what the trainer deletes afterwards may exceed the budget, and nothing new is taken then."""
    bench = Bench(tmp_path, 1.5)
    for number in range(3):
        bench.save(f"{number}.keras")
        os.link(bench.root / f"{number}.keras", bench.snapshots.begin().folder / f"{number}.keras")
    assert bench.snapshots.held() == (3 * SIZE, 0)
    (bench.root / "0.keras").unlink()
    (bench.root / "1.keras").unlink()
    assert bench.snapshots.held() == (3 * SIZE, 2 * SIZE)
    assert not bench.intake.room.admits(1)


def test_room_on_a_small_disk_is_left_to_the_training(tmp_path):
    """On a real disk of its own the snapshots stay within their share, and every checkpoint arrives in the end."""
    with tmpfs(tmp_path / "disk", 60 * SIZE) as disk:
        bench = Bench(disk, 1.0)
        budget = SnapshotBudget(share=0.25).limit_bytes(free_bytes=shutil.disk_usage(disk).free, held_bytes=0)
        bench.intake.room = Room(bench.snapshots, budget)
        taken, waiting = [], []
        for number in range(20):
            bench.save(f"{number:02}.keras", age=100 - number)
            waiting += bench.look(ROOM_SECONDS).values()
            assert bench.snapshots.held().added_bytes <= budget
        assert shutil.disk_usage(disk).free > 10 * SIZE
        while waiting:
            pinned = waiting.pop(0)
            taken.append(pinned.candidate.root)
            bench.deliver(pinned)
            waiting += bench.look(ROOM_SECONDS).values()
        assert taken == [f"{number:02}.keras" for number in range(20)]


def test_counting_while_others_delete_is_safe(tmp_path):
    """The publishers discard snapshots while the watcher counts."""
    bench = Bench(tmp_path, 1.0)
    bench.save("a.keras")
    identifiers = []
    for _ in range(200):
        pin = bench.snapshots.begin()
        os.link(bench.root / "a.keras", pin.folder / "a.keras")
        identifiers.append(pin.id)
    thread = threading.Thread(target=lambda: [bench.snapshots.discard(identifier) for identifier in identifiers])
    thread.start()
    while thread.is_alive():
        bench.snapshots.held()
    assert bench.snapshots.held() == (0, 0)


def test_reflinks_count_once_their_source_is_changed_or_deleted(tmp_path):
    """A real copy-on-write file system holds the shared blocks once as long as both files have them."""
    with with_reflinks(tmp_path / "disk") as disk:
        store = SnapshotStore(disk / "snapshots")
        (disk / "models").mkdir()
        for name in ("deleted", "written", "kept"):
            (disk / "models" / name).write_bytes(os.urandom(1 << 20))
        tree = Scanner(str(disk / "models")).full()
        pin = store.begin()
        for stat in tree.files_in("").values():
            assert pin.take(tree.root, stat, hardlink=False) is Take.TAKEN
        assert store.held() == (3 << 20, 0)
        (disk / "models" / "deleted").unlink()
        (disk / "models" / "written").write_bytes(b"anew")
        assert store.held() == (3 << 20, 2 << 20)
        assert SnapshotStore(disk / "snapshots").held() == (3 << 20, 3 << 20)
        pin.discard()
        assert store.held() == (0, 0)


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("save"), st.integers(0, 5)),
        st.tuples(st.just("delete"), st.integers(0, 5)),
        st.tuples(st.just("deliver"), st.integers(0, 5)),
        st.tuples(st.just("wait"), st.just(0)),
    ),
    max_size=30,
)


@settings(deadline=None)
@given(steps=STEPS, checkpoints=st.sampled_from([0.5, 1.0, 2.0, 3.5]))
def test_every_checkpoint_is_taken_waits_or_is_gone_with_a_reason(tmp_path_factory, steps, checkpoints):
    """Whatever is saved, deleted, overwritten and delivered: the budget holds, nothing is lost in silence, and what is left at the end is taken."""
    bench = Bench(tmp_path_factory.mktemp("room"), checkpoints)
    saved, taken, gone, waiting = 0, [], [], []

    def look(after_seconds):
        for pinned in bench.look(after_seconds).values():
            bench.intake.answer(Outcome(pinned))  # the registrar answers in order; deliveries may come in any
            waiting.append(pinned)
        gone.extend(trail for trail in bench.intake.untold() if trail.state is CandidateState.GONE)
        held = bench.snapshots.held().added_bytes
        assert held <= max(SIZE, bench.intake.room.budget_bytes)

    for step, number in steps:
        if step == "save":
            saved += 1
            bench.save(f"{number}.keras", age=10_000 - saved)
        elif step == "delete":
            (bench.root / f"{number}.keras").unlink(missing_ok=True)
        elif step == "deliver" and waiting:
            taken.append(waiting.pop(number % len(waiting)))
            bench.snapshots.discard(taken[-1].pin.id)
        look(ROOM_SECONDS if step == "wait" else 0.01)
    for _ in range(2 * len(steps) + 2):
        while waiting:
            taken.append(waiting.pop())
            bench.snapshots.discard(taken[-1].pin.id)
        look(ROOM_SECONDS)
    assert bench.intake.waiting_for_room() == 0
    assert len(taken) + len(gone) == saved
    assert all(bench.intake.room.reason in trail.pending[-1].reason for trail in gone)
