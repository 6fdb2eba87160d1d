"""The registrar: what is verified on our own copy, and what the journal then holds."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from samples import metric

from modelwatch.core.entities import Lifetime, Metric, Provenance, Storage
from modelwatch.daemon.intake import Intake
from modelwatch.daemon.registrar import LATE_SECONDS, Identity, Registrar
from modelwatch.daemon.work import Patience
from modelwatch.formats.registry import claim, formats_for
from modelwatch.journal.journal import Journal
from modelwatch.journal.states import CandidateState
from modelwatch.metrics.join import Joined
from modelwatch.snapshot.store import SnapshotStore
from modelwatch.testing.clock import FakeClock
from modelwatch.watch.scan import Scanner

GOLDEN = Path(__file__).parents[2] / "golden"


class Bench:
    """A model path, an intake that pins from it, and a registrar with a real journal."""

    def __init__(self, folder: Path, storage: Storage = Storage.COPY) -> None:
        self.root = folder / "models"
        self.root.mkdir()
        self.clock = FakeClock()
        self.joined = Joined((), pending=True)
        self.asked: list[tuple[str, str]] = []
        self.store = SnapshotStore(folder / "snapshots")
        copying = self.store if storage is Storage.COPY else None
        self.intake = Intake(formats_for(None), claim, copying, self.clock, Patience(0.0, 0.0), {})
        self.journal = Journal(folder / "journal.sqlite3", self.clock)
        identity = Identity(
            "default", "digits", Provenance("run-1", "e1"), Lifetime.PERMANENT, storage, str(self.root), "", {"git": {"sha": "abc"}}
        )
        self.registrar = Registrar(self.journal, identity, ("sink",), self._join, self.clock)

    def _join(self, checkpoint, directory, committed, *, final):
        self.asked.append((checkpoint.root, directory))
        return self.joined

    def pinned(self):
        """Return what the intake hands over now."""
        scanner = Scanner(str(self.root))
        ready = self.intake.look(scanner.full())
        self.clock.advance(1.0)
        return ready + self.intake.look(scanner.full())


@pytest.fixture
def bench(tmp_path):
    """An empty bench whose journal is closed afterwards."""
    made = Bench(tmp_path)
    yield made
    made.journal.close()


def bring(bench, name="checkpoints/a.keras"):
    """Put a Keras archive into the model path."""
    (bench.root / name).parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(GOLDEN / "keras" / "three-epochs.keras", bench.root / name)


def test_a_whole_checkpoint_becomes_a_registration_with_paths_of_its_own_folder(bench):
    """The manifest's paths start at the checkpoint's own folder, and the snapshot holds them below the base."""
    bring(bench)
    [pinned] = bench.pinned()
    assert bench.registrar.register(pinned).refusal is None
    delivery = bench.journal.next_delivery("sink")
    registration = delivery.registration
    assert [entry.path for entry in registration.manifest.entries] == ["a.keras"]
    assert (delivery.base, registration.root, registration.step) == ("checkpoints", "checkpoints/a.keras", 6)
    assert registration.metadata["git"] == {"sha": "abc"}
    assert bench.asked == [("checkpoints/a.keras", "checkpoints")]
    assert Path(bench.store.open(delivery.snapshot).folder, "checkpoints", "a.keras").is_file()
    [row] = bench.journal.candidates()
    assert row.state is CandidateState.JOURNALLED


def test_a_copy_that_fails_its_checksums_is_refused_and_discarded(bench):
    """What is wrong on our own copy is never journalled; its room is given back, and its reason is shown."""
    bring(bench, "a.keras")
    [pinned] = bench.pinned()
    copy = Path(pinned.pin.folder) / "a.keras"
    data = bytearray(copy.read_bytes())
    data[len(data) // 2] ^= 1
    copy.write_bytes(data)
    outcome = bench.registrar.register(pinned)
    assert outcome.refusal is not None
    assert not copy.exists()
    assert bench.journal.deliveries() == []
    [row] = bench.journal.candidates()
    assert row.state is CandidateState.SEEN
    assert row.reason == outcome.refusal


def test_a_reference_that_is_written_to_while_it_is_hashed_is_refused(tmp_path):
    """Without a copy, a file that is not any more what the scan saw is not registered."""
    bench = Bench(tmp_path, Storage.REFERENCE)
    bring(bench, "a.keras")
    [pinned] = bench.pinned()
    shutil.copy(GOLDEN / "keras" / "three-epochs.keras", bench.root / "new")
    (bench.root / "new").rename(bench.root / "a.keras")
    assert "changed" in bench.registrar.register(pinned).refusal
    assert bench.journal.deliveries() == []
    bench.journal.close()


def test_a_registration_that_is_known_is_not_made_again_and_its_copy_is_discarded(bench):
    """The same bytes of the same run at the same place are the version that exists; the second copy goes."""
    bring(bench, "a.keras")
    [first] = bench.pinned()
    bench.registrar.register(first)
    shutil.copy(GOLDEN / "keras" / "three-epochs.keras", bench.root / "a.keras")
    bench.intake.journalled.clear()
    bench.intake._handed.clear()
    [second] = bench.pinned()
    assert bench.registrar.register(second).refusal is None
    assert len(bench.journal.deliveries()) == 1
    assert bench.journal.needed_snapshots() == {first.pin.id}
    assert not Path(second.pin.folder).exists()


def test_numbers_of_a_custom_models_own_file_are_reported_metrics(bench):
    """`gradient-model-metadata.json` tells metrics that no event file has."""
    (bench.root / "model").mkdir()
    (bench.root / "model" / "weights.bin").write_bytes(b"weights")
    text = '{"metrics": [{"name": "accuracy-score", "numberValue": 60}]}'
    (bench.root / "model" / "gradient-model-metadata.json").write_text(text)
    [pinned] = bench.pinned()
    bench.registrar.register(pinned)
    [reported] = bench.journal.next_delivery("sink").registration.metrics
    assert (reported.key, reported.value, reported.split, reported.join) == ("accuracy-score", 60.0, "reported", "metadata")


def test_a_later_value_amends_and_a_value_once_seen_is_not_taken_back(bench):
    """New values come to the version, known ones stay when a later reading does not find them."""
    bench.joined = Joined((metric("loss", 0.5),), pending=True)
    bring(bench, "a.keras")
    bench.registrar.register(*bench.pinned())
    bench.joined = Joined((metric("accuracy", 0.9, split="validation"),), pending=False)
    assert bench.registrar.amend(final=False) == 1
    [first] = [bench.journal.next_delivery("sink")]
    assert {(m.key, m.value) for m in first.registration.metrics} == {("loss", 0.5), ("accuracy", 0.9)}
    assert bench.registrar.amend(final=False) == 0
    assert bench.journal.open_registrations() == []


@pytest.mark.parametrize(("final", "waited"), [(True, 0.0), (False, LATE_SECONDS + 1)])
def test_the_wait_for_late_values_ends_with_the_training_or_after_its_time(bench, final, waited):
    """A version whose evaluation never comes does not cost a join for ever."""
    bring(bench, "a.keras")
    bench.registrar.register(*bench.pinned())
    bench.clock.advance(waited)
    assert bench.registrar.amend(final=final) == 0
    assert bench.journal.open_registrations() == []


def test_a_diverged_value_survives_the_journal(bench):
    """NaN is what a diverging training logs, and it is no reason to amend again and again."""
    bench.joined = Joined((Metric("loss", "train", float("nan"), 6, 1000.0, ".", "loss", "step"),), pending=True)
    bring(bench, "a.keras")
    bench.registrar.register(*bench.pinned())
    assert bench.registrar.amend(final=False) == 0
