"""
The tests that every sink passes. A plug-in's author subclasses `SinkContract` in a test file and says how to make the sink.

Needs pytest and nothing else of the tests.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from modelwatch.core.digest import Digest
from modelwatch.core.entities import (
    Amendment,
    Manifest,
    ManifestEntry,
    Metric,
    ModelType,
    Provenance,
    Receipt,
    Registration,
    Snapshot,
    Storage,
)
from modelwatch.core.errors import ModelwatchError, PermanentError, TransientError
from modelwatch.sinks.base import Sink


def make_snapshot(folder: Path, files: dict[str, bytes]) -> Snapshot:
    """Write files below a folder and return the snapshot of them."""
    entries = []
    for path in sorted(files):
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(files[path])
        entries.append(ManifestEntry(path, len(files[path]), Digest.of_bytes(files[path])))
    return Snapshot(str(folder), Manifest(tuple(entries)))


def make_registration(manifest: Manifest, *, model: str = "digits", step: int = 10, run: str | None = "run-1") -> Registration:
    """Return the registration of a checkpoint with some files."""
    return Registration(
        team="default",
        model=model,
        model_type=ModelType.TENSORFLOW,
        format="tensorflow-checkpoint",
        root=f"model.ckpt-{step}",
        manifest=manifest,
        provenance=Provenance(run=run, experiment="e1", project="p1", host="trainer"),
        created=1000.0 + step,
        step=step,
        metrics=(make_metric("loss", 0.5, step),),
        metadata={"variables": 3},
    )


def make_metric(key: str, value: float, step: int = 10) -> Metric:
    """Return a metric joined by step."""
    return Metric(key, "train", value, step, 1000.0, run=".", tag=key, join="step")


class SinkContract:
    """
    Subclass it, name the class ``Test…`` and give the two things that differ from sink to sink.

    Every test gets its own empty destination below pytest's ``tmp_path``.
    """

    def make_sink(self, tmp_path: Path) -> Sink:
        """Return a sink for the destination that belongs to `tmp_path`; called again, another one for the same destination."""
        raise NotImplementedError

    def registered(self, tmp_path: Path) -> Sequence[tuple[str, str, Manifest, tuple[Metric, ...]]]:
        """Return model, version, files and metrics of all that the destination shows, sorted, read from the destination itself."""
        raise NotImplementedError

    @pytest.fixture
    def snapshot(self, tmp_path: Path) -> Snapshot:
        """Three files, one in a folder, one empty."""
        files = {"data": b"weights" * 1000, "nested/index": b"index", "empty": b""}
        return make_snapshot(tmp_path / "snapshot", files)

    def test_name_is_stable(self, tmp_path: Path) -> None:
        """Two sinks for one destination have the same name, which is what the journal knows them by."""
        assert self.make_sink(tmp_path).name == self.make_sink(tmp_path).name != ""

    def test_registers_a_version(self, tmp_path: Path, snapshot: Snapshot) -> None:
        """A registered version shows its model, number, files and metrics."""
        registration = make_registration(snapshot.manifest)
        receipt = self.make_sink(tmp_path).register(registration, snapshot)
        assert list(self.registered(tmp_path)) == [(receipt.model, receipt.version, snapshot.manifest, registration.metrics)]

    def test_same_key_gives_same_receipt(self, tmp_path: Path, snapshot: Snapshot) -> None:
        """Registering again with the same key returns the same receipt and makes nothing."""
        sink, registration = self.make_sink(tmp_path), make_registration(snapshot.manifest)
        first = sink.register(registration, snapshot)
        assert sink.register(registration, snapshot) == first
        assert len(self.registered(tmp_path)) == 1

    def test_same_key_gives_same_receipt_after_a_restart(self, tmp_path: Path, snapshot: Snapshot) -> None:
        """Another sink object, as after a restart, returns the receipt that the first one gave."""
        registration = make_registration(snapshot.manifest)
        sink = self.make_sink(tmp_path)
        first = sink.register(registration, snapshot)
        sink.close()
        assert self.make_sink(tmp_path).register(registration, snapshot) == first

    def test_the_metrics_do_not_matter_to_the_key(self, tmp_path: Path, snapshot: Snapshot) -> None:
        """A retry that knows more metrics is still the same version."""
        sink, registration = self.make_sink(tmp_path), make_registration(snapshot.manifest)
        first = sink.register(registration, snapshot)
        assert sink.register(registration.with_metrics(()), snapshot) == first

    def test_same_bytes_at_a_later_step_are_another_version(self, tmp_path: Path, snapshot: Snapshot) -> None:
        """The same content at another step becomes a version of its own."""
        sink = self.make_sink(tmp_path)
        receipts = {sink.register(make_registration(snapshot.manifest, step=step), snapshot) for step in (10, 20)}
        assert len(receipts) == len(self.registered(tmp_path)) == 2

    def test_models_are_apart(self, tmp_path: Path, snapshot: Snapshot) -> None:
        """Versions of two models do not mix."""
        sink = self.make_sink(tmp_path)
        models = {sink.register(make_registration(snapshot.manifest, model=name), snapshot).model for name in ("digits", "Digits")}
        assert len(models) == 2

    def test_amends_metrics(self, tmp_path: Path, snapshot: Snapshot) -> None:
        """An amendment replaces the metrics and answers with the version's receipt."""
        sink, registration = self.make_sink(tmp_path), make_registration(snapshot.manifest)
        receipt = sink.register(registration, snapshot)
        metrics = (make_metric("accuracy", 0.9), make_metric("loss", float("inf")))
        amendment = Amendment(registration.team, registration.model, registration.key, metrics)
        assert [sink.amend(amendment), sink.amend(amendment)] == [receipt, receipt]
        assert [shown[3] for shown in self.registered(tmp_path)] == [metrics]

    def test_amending_what_is_not_there_is_permanent(self, tmp_path: Path, snapshot: Snapshot) -> None:
        """An amendment of a version that was never registered can never succeed."""
        sink = self.make_sink(tmp_path)
        sink.register(make_registration(snapshot.manifest), snapshot)
        with pytest.raises(PermanentError):
            sink.amend(Amendment("default", "digits", "0" * 64, ()))

    def test_missing_snapshot_is_permanent(self, tmp_path: Path, snapshot: Snapshot) -> None:
        """A version whose files are to be copied cannot be made without them, and nothing becomes visible."""
        with pytest.raises(PermanentError):
            self.make_sink(tmp_path).register(make_registration(snapshot.manifest), None)
        assert list(self.registered(tmp_path)) == []

    def test_damaged_snapshot_is_permanent(self, tmp_path: Path, snapshot: Snapshot) -> None:
        """A snapshot that holds other bytes than its manifest says is refused, and nothing becomes visible."""
        damaged = replace(snapshot, linked=frozenset({"data"}))
        Path(snapshot.folder, "data").write_bytes(b"other!!" * 1000)
        with pytest.raises(PermanentError):
            self.make_sink(tmp_path).register(make_registration(snapshot.manifest), damaged)
        assert list(self.registered(tmp_path)) == []

    def test_reference_needs_no_files(self, tmp_path: Path, snapshot: Snapshot) -> None:
        """A version by reference is made without a snapshot, or refused for good by a sink that must have the bytes."""
        registration = replace(make_registration(snapshot.manifest), storage=Storage.REFERENCE, source=snapshot.folder)
        try:
            receipt: Receipt | None = self.make_sink(tmp_path).register(registration, None)
        except PermanentError:
            receipt = None
        assert len(self.registered(tmp_path)) == (0 if receipt is None else 1)

    def test_check_makes_nothing(self, tmp_path: Path) -> None:
        """Asking whether the sink answers leaves no version behind and says something in one line."""
        try:
            said = self.make_sink(tmp_path).check()
        except (TransientError, PermanentError) as error:
            said = str(error)
        assert said
        assert "\n" not in said
        assert list(self.registered(tmp_path)) == []

    def test_errors_are_of_the_two_kinds(self, tmp_path: Path, snapshot: Snapshot) -> None:
        """An empty model name fails with one of the two errors that a publisher understands."""
        with pytest.raises(ModelwatchError) as caught:
            self.make_sink(tmp_path).register(make_registration(snapshot.manifest, model=""), snapshot)
        assert isinstance(caught.value, (TransientError, PermanentError))

    def test_closing_twice_is_harmless(self, tmp_path: Path) -> None:
        """A second close does nothing."""
        sink = self.make_sink(tmp_path)
        sink.close()
        sink.close()
