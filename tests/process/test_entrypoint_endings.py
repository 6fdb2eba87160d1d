"""However a training under `modelwatch run` ends, the whole of it, its real agent included, ends as it did, and what was saved last is registered."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from supervised import LIMIT_SECONDS
from ways_to_end import WAYS, end_daemon, program

KERAS = Path(__file__).parents[1] / "golden" / "keras" / "three-epochs.keras"


@pytest.fixture
def run(tmp_path):
    """Give a function that runs a training to its end, without reading its pipes to theirs, and returns the status and what was registered."""
    models, repository = tmp_path / "models", tmp_path / "repository"
    models.mkdir()

    def run(*training):
        command = [sys.executable, "-m", "modelwatch", "run", "--modelPath", str(models), "--repository", str(repository)]
        command += ["--modelName", "m", "--settleTime", "0", "--quietTime", "0", "--drainTimeout", "30", "--", *training]
        pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
        with subprocess.Popen(command, **pipes) as process:
            try:
                status = process.wait(timeout=LIMIT_SECONDS)
            finally:
                process.kill()
                end_daemon(tmp_path / "left")
        return status, len(list(repository.glob("models/default/m/versions/*.json")))

    run.models, run.left = models, tmp_path / "left"
    return run


@pytest.mark.parametrize("way", WAYS)
def test_each_way_of_ending(run, way):
    """Its status is ours, to the signal, nothing is waited for that it left behind, and its checkpoint is a version."""
    code, status = WAYS[way]
    assert run(*program(run.models, code, left=run.left)) == (status, 1)


def test_a_training_of_an_instant(run):
    """What ends before there is an agent to tell of it is followed by a last scan all the same."""
    assert run("cp", str(KERAS), str(run.models / "a.keras")) == (0, 1)


@pytest.mark.parametrize(("command", "status"), [("/absent/train", 127), ("/", 126)])
def test_a_training_that_never_starts(run, command, status):
    """The status is a shell's, at once: there is nobody to be watched."""
    shutil.copy(KERAS, run.models / "a.keras")
    assert run(command) == (status, 0)


@pytest.mark.parametrize("signals", [1, 2])
def test_a_training_that_is_ended_by_the_platform(run, signals):
    """SIGTERM to the whole group, once or twice: the training's end is ours, and whether or not there was time for it, nothing hangs."""
    script = f"cp {KERAS} {run.models}/a.keras; for i in $(seq {signals}); do kill -TERM $PPID; done; exec sleep 1000"
    status, versions = run("/bin/sh", "-c", script)
    assert status == -15
    assert versions == 1 if signals == 1 else versions in {0, 1}
    assert os.path.lexists(run.models / "a.keras")
