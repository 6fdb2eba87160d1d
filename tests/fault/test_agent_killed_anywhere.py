"""Killed with SIGKILL at every step of the pipeline and started again, the repository holds each checkpoint once, whole."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from modelwatch.repository.repository import Repository
from modelwatch.repository.verifying import Condition, verify

GOLDEN = Path(__file__).parents[1] / "golden"
SUPPORT = Path(__file__).parents[1] / "support"

_ARGUMENTS = ("--settleTime", "0", "--quietTime", "0", "--modelName", "digits")


def left_behind_run(folder: Path) -> set[str]:
    """Lay out what a training left: three Keras archives, a weights file, and events; return the names of the checkpoints."""
    (folder / "checkpoints").mkdir(parents=True)
    names = set()
    for epoch in (1, 2, 3):
        name = f"checkpoints/digits-{epoch:02d}.keras"
        shutil.copy(GOLDEN / "keras" / "three-epochs.keras", folder / name)
        names.add(name)
    shutil.copy(GOLDEN / "keras" / "three-epochs.weights.h5", folder / "last.weights.h5")
    return names | {"last.weights.h5"}


def watch_once(tmp_path: Path, *before: str) -> subprocess.CompletedProcess[str]:
    """Run `modelwatch watch --once` through the killing program."""
    command = [sys.executable, str(SUPPORT / "killed_agent.py"), *before, "watch", "--once", "--modelPath", str(tmp_path / "run")]
    command += ["--repository", str(tmp_path / "repository"), *_ARGUMENTS]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def registered(tmp_path: Path) -> list[str]:
    """Return the checkpoint of every version in the repository, after checking that each is there whole and numbered without a gap."""
    repository = Repository.open(tmp_path / "repository")
    versions = repository.model("digits", team="default").versions
    assert [version.number for version in versions] == list(range(1, len(versions) + 1))
    for version in versions:
        assert [verified.condition for verified in verify(repository.storage, version, advance=lambda _count: None)] == [
            Condition.UNCHANGED
        ]
    return [version.registration.root for version in versions]


def steps_of_a_run(tmp_path_factory: pytest.TempPathFactory) -> dict[str, int]:
    """Return how often an undisturbed run passes each step."""
    tmp_path = tmp_path_factory.mktemp("recorded")
    left_behind_run(tmp_path / "run")
    result = watch_once(tmp_path, "--record", str(tmp_path / "steps"))
    assert result.returncode == 0, result.stderr
    lines = (tmp_path / "steps").read_text().splitlines()
    return {name: int(count) for name, count in (line.split() for line in lines)}


@pytest.fixture(scope="module")
def passed(tmp_path_factory):
    """Every step that an undisturbed run passes, with how often."""
    return steps_of_a_run(tmp_path_factory)


def test_the_steps_cover_the_pipeline_and_the_sink(passed):
    """There is a step to die at in each stage between pin and receipt."""
    stages = {name.partition(".")[0] for name in passed}
    assert {"snapshot", "registrar", "journal", "publisher", "repository"} <= stages


@pytest.mark.timeout(600)
def test_killed_at_each_step_and_started_again_each_checkpoint_is_registered_once(passed, tmp_path):
    """Dying at the first and at the last passing of every step, one after the other, loses nothing and doubles nothing."""
    for name, count in passed.items():
        for occurrence in sorted({1, count}):
            folder = tmp_path / f"{name}-{occurrence}"
            names = left_behind_run(folder / "run")
            died = watch_once(folder, name, str(occurrence))
            assert died.returncode == -signal.SIGKILL, f"{name}: not reached again: {died.stderr}"
            finished = watch_once(folder, "--record", str(folder / "steps"))
            assert finished.returncode == 0, f"{name}: {finished.stderr}"
            assert sorted(registered(folder)) == sorted(names), f"killed at {name}, passing {occurrence}"
            shutil.rmtree(folder)
