"""What a real agent tells of a training while it goes on, after it was killed, and at the end; what it tells is what TensorBoard reads."""

from __future__ import annotations

import json
import math
import os
import shutil
import signal
import sys
from pathlib import Path

import pytest
import supervised
from scalar_reading import tensorboard_points
from sidecars import Sidecar
from waiting import wait_until

from modelwatch.core.entities import RunState
from modelwatch.core.errors import NotFoundError
from modelwatch.repository.repository import Repository
from modelwatch.testing.event_writer import EventWriter

KERAS = Path(__file__).parents[1] / "golden" / "keras" / "three-epochs.keras"
BEGAN = 1_700_000_000.0


@pytest.fixture
def sidecar(tmp_path):
    """Give a sidecar that is not started yet; it is killed after the test."""
    sidecar = Sidecar(tmp_path)
    sidecar.models.mkdir()
    yield sidecar
    sidecar.stop()


def told(sidecar):
    """Return what the repository shows of the only run, or None while there is nothing."""
    try:
        reports = Repository.open(sidecar.repository).runs("m", team="default")
    except NotFoundError:
        return None
    assert len(reports) <= 1
    return reports[0] if reports else None


def end(sidecar):
    """Ask the sidecar to end, and wait until it has."""
    sidecar.process.terminate()
    assert sidecar.wait() == 0, sidecar.told


def write(path, steps, *, begun=BEGAN):
    """Log a noisy loss that diverges for some steps, and an accuracy, one event file for one attempt."""
    writer = EventWriter(path / f"events.out.tfevents.{int(begun)}.host", begun)
    for count, step in enumerate(steps):
        loss = math.nan if 300 <= step < 320 else 10.0 / (step + 1) + (step * 7919 % 101) / 100.0
        writer.simple_values(begun + count, step, loss=loss, accuracy=step / 10_000)


def test_every_point_is_one_that_tensorboard_reads_and_no_peak_is_missing(sidecar):
    """Long curves are thinned to points exactly as they were logged: the ends, the highest, the lowest and the first NaN among them."""
    write(sidecar.models / "logs" / "train", range(5_000))
    write(sidecar.models / "logs" / "validation", range(0, 5_000, 50))
    sidecar.start()
    end(sidecar)
    report = told(sidecar)
    assert report.state is RunState.ENDED
    assert {(series.key, series.split) for series in report.series} == {
        (key, split) for key in ("loss", "accuracy") for split in ("train", "validation")
    }
    for series in report.series:
        points = tensorboard_points(sidecar.models / "logs" / series.split)[series.tag]
        logged = {step: (wall, repr(value)) for step, wall, value in points}
        kept = {step: (wall, repr(value)) for step, wall, value in zip(series.steps, series.walls, series.values, strict=True)}
        assert kept.items() <= logged.items()
        assert len(kept) <= 1000
        assert len(kept) == len(logged) or len(kept) >= 250
        numbers = [value for _, _, value in points if not math.isnan(value)]
        assert {points[0][0], points[-1][0]} <= kept.keys()
        assert {max(numbers), min(numbers)} <= set(series.values)
        assert any(map(math.isnan, series.values)) == (series.key == "loss")


def test_a_training_is_seen_before_its_first_checkpoint_and_after_its_agent_was_killed(sidecar):
    """Live curves of no model yet; a killed agent leaves what it told last; the next one goes on with the run, restarted steps replaced."""
    write(sidecar.models, range(100))
    sidecar.start()
    live = wait_until(lambda: told(sidecar))
    assert (live.state, live.last_step, live.checkpoints) == (RunState.TRAINING, 99, ())
    assert Repository.open(sidecar.repository).models() == ()
    shutil.copy(KERAS, sidecar.models / "a.keras")
    checkpoint = wait_until(lambda: next((found for found in told(sidecar).checkpoints if found.version is not None), None))
    assert (checkpoint.root, checkpoint.state, checkpoint.version) == ("a.keras", "JOURNALLED", 1)
    sidecar.process.send_signal(signal.SIGKILL)
    sidecar.wait()
    write(sidecar.models, range(60, 80), begun=BEGAN + 1_000.0)
    assert (told(sidecar).run, told(sidecar).state) == (live.run, RunState.TRAINING)

    sidecar.ready_file.unlink()
    sidecar.start()
    end(sidecar)

    report = told(sidecar)
    assert (report.run, report.state, report.reason) == (live.run, RunState.ENDED, "signal SIGTERM")
    [loss] = [series for series in report.series if series.key == "loss"]
    assert loss.steps.tolist() == list(range(80))
    assert loss.walls.tolist() == [BEGAN + step for step in range(60)] + [BEGAN + 1_000.0 + step for step in range(20)]
    assert [(found.root, found.version) for found in report.checkpoints if found.version] == [("a.keras", 1)]
    assert [version.number for version in Repository.open(sidecar.repository).model("m", team="default").versions] == [1]


def test_a_run_tells_how_it_was_started_and_how_it_ended_and_no_secret(tmp_path):
    """The command and the hyperparameters as the versions' lineage has them, the checkpoints that became versions, the trainer's end."""
    (tmp_path / "models").mkdir()
    (tmp_path / "train.py").write_text(
        "import os, shutil, time\n"
        "from pathlib import Path\n"
        "from modelwatch.testing.event_writer import EventWriter\n"
        "EventWriter(Path('models/events.out.tfevents.1.host'), time.time()).scalars(time.time(), 1, loss=0.5)\n"
        f"shutil.copy({str(KERAS)!r}, 'models/tmp'); os.rename('models/tmp', 'models/a.keras')\n",
        encoding="utf-8",
    )
    where = ("--repository", str(tmp_path / "repository"))
    command = (sys.executable, "-m", "modelwatch", "run", "--modelPath=models", "--modelName=digits", *where)
    environment = {**os.environ, "HP_LAYERS": "5", "HP_TOKEN": "hunter3"}
    ended = supervised.run([*command, "--", sys.executable, "train.py", "--password", "hunter2"], cwd=tmp_path, env=environment)
    assert ended.returncode == 0, ended.stderr
    [report] = Repository.open(tmp_path / "repository").runs("digits", team="default")
    [version] = Repository.open(tmp_path / "repository").model("digits", team="default").versions
    assert report.run == version.registration.provenance.run
    assert report.command == version.registration.metadata["lineage"]["command"]
    assert report.hyperparameters == {"HP_LAYERS": "5"}
    assert report.state is RunState.ENDED
    assert report.reason
    assert [(found.root, found.version, found.registration) for found in report.checkpoints] == [
        ("a.keras", 1, version.registration.key)
    ]
    assert report.series[0].values.tolist() == [0.5]
    assert b"hunter" not in b"".join(path.read_bytes() for path in (tmp_path / "repository").rglob("*.json"))
    shown = supervised.run([sys.executable, "-m", "modelwatch", "models", "runs", "digits", report.run, "--json", *where])
    assert json.loads(shown.stdout)["series"][0]["points"][0][2] == 0.5


def test_a_repository_that_takes_no_reports_costs_no_version_and_no_failure(sidecar):
    """A file in the way of the reports: the checkpoint is registered and the agent ends well all the same."""
    write(sidecar.models, range(10))
    Repository.open(sidecar.repository, create=True)
    blocked = sidecar.repository / "models" / "default" / "m" / "runs"
    blocked.parent.mkdir(parents=True)
    blocked.write_text("in the way")
    shutil.copy(KERAS, sidecar.models / "a.keras")
    sidecar.start()
    end(sidecar)
    assert sidecar.versions() == 1
    assert blocked.read_text() == "in the way"
