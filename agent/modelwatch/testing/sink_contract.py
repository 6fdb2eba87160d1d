"""
The tests that every sink passes. A plug-in's author subclasses `SinkContract` in a test file and says how to make the sink.

Needs pytest and nothing else of the tests.
"""

from __future__ import annotations

import contextlib
from array import array
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from modelwatch.core.digest import Digest
from modelwatch.core.entities import (
    Amendment,
    CheckpointState,
    Manifest,
    ManifestEntry,
    Metric,
    ModelType,
    Provenance,
    Receipt,
    Registration,
    RunReport,
    RunState,
    Series,
    Snapshot,
    Storage,
)
from modelwatch.core.errors import ModelwatchError, PermanentError, TransientError
from modelwatch.core.json import JsonValue
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


def make_report(*, model: str = "digits", run: str = "run-1", last_step: int = 20) -> RunReport:
    """Return what may be told of a run that is at `last_step`, with values and names that are hard to write down."""
    steps = array("q", range(0, last_step + 1, 10))
    values = array("d", [float("nan"), float("-inf"), *(1.0 / 3.0 for _ in steps[2:])])
    return RunReport(
        team="default",
        model=model,
        run=run,
        state=RunState.TRAINING,
        started=1000.0,
        updated=1000.0 + last_step,
        host="trainer",
        experiment="e1",
        command="python train.py",
        hyperparameters={"LEARNING_RATE": "0.01"},
        series=(
            Series("epoch_loss", "train", "loss", "train", "epoch", steps, array("d", (1000.5 + step for step in steps)), values),
        ),
        checkpoints=(
            CheckpointState("model.ckpt-10", "tensorflow-checkpoint", "JOURNALLED", "", 1010.0, 1011.0, 10, None, "0" * 64, 1),
            CheckpointState("\udcff \N{SNOWMAN}.keras", "keras", "GONE", "removed before it was copied", 1012.0, 1013.0),
        ),
    )


class SinkContract:
    """
    Subclass it, name the class ``Test…`` and give the three things that differ from sink to sink.

    Every test gets its own empty destination below pytest's ``tmp_path``.
    """

    def make_sink(self, tmp_path: Path) -> Sink:
        """Return a sink for the destination that belongs to `tmp_path`; called again, another one for the same destination."""
        raise NotImplementedError

    def registered(self, tmp_path: Path) -> Sequence[tuple[str, str, Manifest, tuple[Metric, ...]]]:
        """Return model, version, files and metrics of all that the destination shows, sorted, read from the destination itself."""
        raise NotImplementedError

    def reported(self, tmp_path: Path) -> Sequence[RunReport] | None:
        """Return the run reports of team ``default`` that the destination shows, sorted by model and run; None when it keeps none."""
        raise NotImplementedError

    def _reported_json(self, tmp_path: Path, given: Sequence[RunReport]) -> tuple[JsonValue, JsonValue]:
        """Return what the destination shows and what it is to show, in a form in which NaN is NaN."""
        shown = self.reported(tmp_path)
        return [report.to_json() for report in shown or ()], [report.to_json() for report in given if shown is not None]

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

    def test_a_report_takes_the_place_of_the_one_before(self, tmp_path: Path) -> None:
        """Of one run the latest report is shown, to the last number."""
        sink = self.make_sink(tmp_path)
        last = replace(make_report(last_step=50), state=RunState.ENDED, reason="the training has ended")
        for report in (make_report(last_step=20), make_report(last_step=40), last):
            sink.report(report)
        shown, given = self._reported_json(tmp_path, [last])
        assert shown == given

    def test_reports_of_runs_and_of_models_are_apart(self, tmp_path: Path) -> None:
        """Each run of each model has its own report."""
        sink = self.make_sink(tmp_path)
        reports = [make_report(model=model, run=run) for model in ("Digits", "digits") for run in ("Run/1", "run-1")]
        for report in reports:
            sink.report(report)
        shown, given = self._reported_json(tmp_path, reports)
        assert shown == given

    def test_a_report_makes_no_version(self, tmp_path: Path, snapshot: Snapshot) -> None:
        """Reports of a training without a checkpoint show no model; its first version is the first."""
        sink = self.make_sink(tmp_path)
        sink.report(make_report())
        assert list(self.registered(tmp_path)) == []
        receipt = sink.register(make_registration(snapshot.manifest), snapshot)
        sink.report(make_report())
        assert [(shown[0], shown[1]) for shown in self.registered(tmp_path)] == [(receipt.model, receipt.version)]

    def test_errors_of_reports_are_of_the_two_kinds(self, tmp_path: Path) -> None:
        """A report without a model's name fails with one of the two errors that a publisher understands, or is not looked at."""
        with contextlib.suppress(TransientError, PermanentError):
            self.make_sink(tmp_path).report(make_report(model=""))
        assert not self.reported(tmp_path)

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
