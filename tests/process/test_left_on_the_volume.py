"""The repository is away for the whole training: training does not notice, and the volume alone is enough to finish the work, anywhere."""

import json
import shutil
import subprocess
import sys
import time

import pytest
from bundle_writer import save
from supervised import LIMIT_SECONDS
from waiting import wait_until

from modelwatch.repository.repository import Repository
from modelwatch.repository.verifying import Condition, verify
from modelwatch.testing.event_writer import EventWriter

STEPS = (1, 2, 3)


def modelwatch(*arguments):
    """Run a command to its end."""
    command = [sys.executable, "-m", "modelwatch", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=LIMIT_SECONDS)


def journalled(models):
    """Return how many versions exist as far as the volume knows."""
    path = models / ".modelwatch" / "status.json"
    return json.loads(path.read_text(encoding="utf-8"))["checkpoints"].get("JOURNALLED") if path.exists() else None


@pytest.fixture
def volume(tmp_path):
    """Return the model path that a training left on another machine, and where its repository should have been, both of them gone."""
    there = tmp_path / "there"
    models, repository = there / "models", there / "in-the-way" / "repository"
    models.mkdir(parents=True)
    repository.parent.write_text("not a folder", encoding="ascii")
    now = time.time()
    writer = EventWriter(models / f"events.out.tfevents.{int(now)}.host", now)
    for step in STEPS:
        save(models, step, bytes([step]) * 4000, keep=9)
        writer.scalars(now, step, loss=1.0 / step)
    options = ("--modelPath", models, "--repository", repository, "--modelName", "digits", "--drainTimeout", "0.5")
    command = [sys.executable, "-m", "modelwatch", "run", *map(str, options), "--", "/bin/sh", "-c", "read line; exit 3"]
    training = subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    wait_until(lambda: journalled(models) == len(STEPS))
    _, said = training.communicate("go on\n", timeout=LIMIT_SECONDS)
    assert training.returncode == 3
    assert f"3 deliveries are left and kept; finish with: modelwatch drain --modelPath {models}" in said
    here = tmp_path / "here" / "artifacts"
    shutil.copytree(models, here)  # a snapshot of the volume, or the volume itself on another mount point
    shutil.rmtree(there)
    return here, repository


def check(repository):
    """Each checkpoint is one version, in the order of its steps, whole, with its loss."""
    opened = Repository.open(repository)
    versions = opened.model("digits", team="default").versions
    assert [version.registration.step for version in versions] == list(STEPS)
    for version in versions:
        assert [metric.value for metric in version.registration.metrics] == [pytest.approx(1.0 / version.registration.step)]
        conditions = {entry.condition for entry in verify(opened.storage, version, advance=lambda _count: None)}
        assert conditions == {Condition.UNCHANGED}


def test_the_repository_is_where_it_should_have_been(volume):
    """`drain` with the same address delivers what the journal holds; nothing is left after it."""
    models, repository = volume
    for _ in range(2):
        done = modelwatch("drain", "--modelPath", models, "--repository", repository)
        assert done.returncode == 0, done.stderr
        check(repository)
    assert list((models / ".modelwatch" / "snapshots").iterdir()) == []


def test_the_repository_is_somewhere_else(volume, tmp_path):
    """With the address that it has here, `drain` says that the deliveries are for another; `--redirect` gives them this one."""
    models, _ = volume
    place = ("--modelPath", models, "--repository", tmp_path / "mounted-here")
    done = modelwatch("drain", *place)
    assert done.returncode == 75
    assert "--redirect" in done.stderr
    assert not (tmp_path / "mounted-here").exists()
    done = modelwatch("drain", *place, "--redirect")
    assert done.returncode == 0, done.stderr
    check(tmp_path / "mounted-here")
