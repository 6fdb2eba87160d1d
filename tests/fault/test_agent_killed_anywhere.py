"""
Killed with SIGKILL at every step of the pipeline and started again, the repository holds each checkpoint once, whole.

The steps are those that the source names; each is a test of its own, in every scenario that passes it.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import bundle_writer
import pytest
import tensorflow_files
from killed_agent import Agents

import modelwatch
from modelwatch.repository.repository import Repository
from modelwatch.repository.verifying import Condition, verify
from modelwatch.testing.event_writer import EventWriter

GOLDEN = Path(__file__).parents[1] / "golden"
SOURCE = Path(modelwatch.__file__).parent

ELSEWHERE = {
    "client.content-sent": "the server takes it: test_http_sink.py loses answers and connections there, and test_server_killed.py the server",
    "repository.upload-synced": "uploads arrive at a server: test_repository_kill.py",
    "repository.upload-whole": "as above",
    "repository.blob-removed": "garbage is collected by command: test_repository_kill.py",
    "repository.content-guarded": "models are restored by command: test_repository_kill.py",
    "repository.name-led": "models are renamed by command: test_repository_kill.py",
}
"""Steps that no run of the agent passes, and who dies there instead."""

AMENDING = frozenset({"journal.amended", "repository.event-appended"})
"""Steps of amendments, of which there are some when the event files are read only after a commit: which thread is first is open."""

REPORTING = frozenset({"reporter.told"})
"""Steps that every run passes at its end, and before it as often as there is time."""

DELIVERING = frozenset({"publisher.sent", "journal.delivered"})
"""Steps of registrations as well as of amendments."""


def named_steps():
    """Return the names of all steps in the source."""
    text = "".join(path.read_text(encoding="utf-8") for path in sorted(SOURCE.rglob("*.py")) if path.name != "steps.py")
    return sorted(set(re.findall(r"\breached\(\s*\"([\w.-]+)\"", text)))


# --------------------------------------------------------------------------------------------------------------- scenarios


def log_losses(run):
    """Write the loss of steps 1 to 3 as an event file beside the bundles."""
    now = time.time()
    writer = EventWriter(run / "tf" / f"events.out.tfevents.{int(now)}.host", now)
    for step in (1, 2, 3):
        writer.scalars(now, step, loss=1.0 / step)


def save_bundles(run):
    """Save TensorFlow checkpoints of steps 1 and 2, and a real one of step 3 with its graph."""
    tensorflow_files.lay_out("saver", run / "tf")
    for step in (1, 2):
        bundle_writer.save(run / "tf", step, os.urandom(4096), keep=9)
    return {f"tf/model.ckpt-{step}" for step in (1, 2, 3)}


def every_format(_agents, folder):
    """Lay out what trainings of all kinds left."""
    run = folder / "run"
    names = save_bundles(run)
    log_losses(run)
    (run / "keras").mkdir()
    for epoch in (1, 2):
        shutil.copy(GOLDEN / "keras" / "three-epochs.keras", run / "keras" / f"digits-{epoch:02d}.keras")
    shutil.copy(GOLDEN / "keras" / "three-epochs.weights.h5", run / "last.weights.h5")
    tensorflow_files.lay_out("saved_model_2", run / "export" / "1")
    (run / "onnx").mkdir()
    for path in (GOLDEN / "onnx").glob("external.*"):
        shutil.copy(path, run / "onnx")
    return names | {"keras/digits-01.keras", "keras/digits-02.keras", "last.weights.h5", "export/1", "onnx/external.onnx"}


def referred_to(_agents, folder):
    """Lay out files that the repository only refers to, an archive and a SavedModel among them."""
    run = folder / "run"
    names = save_bundles(run)
    log_losses(run)
    shutil.copy(GOLDEN / "keras" / "three-epochs.keras", run / "digits.keras")
    tensorflow_files.lay_out("saved_model_2", run / "export" / "1")
    return names | {"digits.keras", "export/1"}


def late_metrics(agents, folder):
    """Have everything registered, by an agent that was killed after its last scan, and then log the losses."""
    names = save_bundles(folder / "run")
    died = agents.run(watch(folder), die_at="agent.last-scan")
    assert died.returncode == -signal.SIGKILL, died.output
    drained = agents.run(["drain", *where(folder)])
    assert drained.returncode == 0, drained.output
    assert [version.registration.metrics for version in versions_in(folder)] == [()] * 3
    log_losses(folder / "run")
    return names


@dataclass(frozen=True, slots=True)
class Scenario:
    """
    A run to be disturbed.

    Attributes:
        lay_out: Makes the run below a folder; returns the roots of its checkpoints.
        options: Of `watch`.
        amends: Every version is amended; otherwise nobody knows how many are.
    """

    lay_out: Callable[[Agents, Path], set[str]]
    options: tuple[str, ...] = ()
    amends: bool = False


SCENARIOS = {
    "every format": Scenario(every_format),
    "referred to": Scenario(referred_to, options=("--storage", "reference")),
    "late metrics": Scenario(late_metrics, amends=True),
}


# ------------------------------------------------------------------------------------------------------------------- running


def where(folder):
    """Return the options that every command needs."""
    return ("--modelPath", str(folder / "run"), "--repository", str(folder / "repository"))


def watch(folder, *options):
    """Return the arguments that register what is there."""
    return ["watch", "--once", *where(folder), "--modelName", "digits", "--settleTime", "0", "--quietTime", "0", *options]


def versions_in(folder):
    """Return the versions in the repository."""
    return Repository.open(folder / "repository").model("digits", team="default").versions


def check(folder, names):
    """Each checkpoint is one version, whole and with its metrics, numbered without a gap; nothing else is left."""
    repository = Repository.open(folder / "repository")
    versions = versions_in(folder)
    assert sorted(version.registration.root for version in versions) == sorted(names)
    assert [version.number for version in versions] == list(range(1, len(versions) + 1))
    for version in versions:
        verified = verify(repository.storage, version, advance=lambda _count: None)
        assert {entry.condition for entry in verified} == {Condition.UNCHANGED}, version.registration.root
        if version.registration.root.startswith("tf/"):
            metrics = [(metric.tag, metric.value) for metric in version.registration.metrics]
            assert metrics == [("loss", pytest.approx(1.0 / version.registration.step))], version.registration.root
    assert repository.problems() == ()
    assert list(folder.glob("run/.modelwatch/snapshots/*")) == []


@pytest.fixture(scope="module")
def agents(tmp_path_factory):
    """Give what runs commands."""
    with Agents(tmp_path_factory.mktemp("agents")) as agents:
        yield agents


@pytest.fixture(scope="module")
def passed(agents, tmp_path_factory):
    """How often undisturbed runs pass each step at least, by scenario."""
    counts = {}
    for name, scenario in SCENARIOS.items():
        folder = tmp_path_factory.mktemp("undisturbed")
        names = scenario.lay_out(agents, folder)
        done = agents.run(watch(folder, *scenario.options))
        assert done.returncode == 0, done.output
        check(folder, names)
        counts[name] = dict(done.passed) | dict.fromkeys(REPORTING, 1)
        if not scenario.amends:
            counts[name] |= dict.fromkeys(AMENDING, 0) | dict.fromkeys(DELIVERING, len(names))
    return counts


@pytest.mark.parametrize("step", [step for step in named_steps() if step not in ELSEWHERE])
def test_killed_at_a_step_and_started_again_each_checkpoint_is_registered_once(agents, passed, tmp_path, step):
    """Dying at the first and at the last passing of a step loses nothing and doubles nothing."""
    scenarios = [name for name, counts in passed.items() if counts.get(step)]
    assert scenarios, f"no scenario passes {step}: add one, or say in ELSEWHERE who dies there"
    for name in scenarios:
        scenario = SCENARIOS[name]
        for occurrence in sorted({1, passed[name][step]}):
            folder = tmp_path / f"{name}-{occurrence}"
            names = scenario.lay_out(agents, folder)
            died = agents.run(watch(folder, *scenario.options), die_at=step, occurrence=occurrence)
            # How many amendments there are is open: a version that found its values at once needs none, and then the run just ends.
            ends = {-signal.SIGKILL, 0} if step in AMENDING else {-signal.SIGKILL}
            assert died.returncode in ends, f"{name}: passing {occurrence} not reached again: {died.output}"
            finished = agents.run(watch(folder, *scenario.options))
            assert finished.returncode == 0, f"{name}, passing {occurrence}: {finished.output}"
            check(folder, names)
            shutil.rmtree(folder)


def test_steps_that_no_run_passes_are_still_there():
    """Whoever renames a step must look at the list of exceptions."""
    assert set(named_steps()) >= ELSEWHERE.keys()
