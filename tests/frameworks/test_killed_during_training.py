"""
The agent killed with SIGKILL, again and again, during a real training: the training never notices, and nothing is lost or doubled.

Each training sees four kills: the supervisor waits 0.5, 1, 2 and 4 seconds before it starts the agent again, so that more of them
in one training would be a test of waiting. Twenty-five trainings, a hundred kills, run with ``make soak``; four of them otherwise.
"""

import os
import random
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
from waiting import wait_until

from modelwatch.repository.repository import Repository
from modelwatch.repository.verifying import Condition, verify

pytestmark = [pytest.mark.frameworks, pytest.mark.timeout(300)]

TRAINER = str(Path(__file__).parents[1] / "support" / "checkpointing_trainer.py")
SAVES, MILLISECONDS, KILLS, EXIT_CODE = 60, 80, 4, 7
LONGEST_LIFE_SECONDS = 1.5
"""A restarted agent needs about a third of this to import itself and to scan: kills fall into its start as well as into its work."""


def pytest_generate_tests(metafunc):
    """Give as many trainings as the profile wants, each with the seed of its kills."""
    if "seed" in metafunc.fixturenames:
        soak = metafunc.config.getoption("--hypothesis-profile") == "soak"
        metafunc.parametrize("seed", range(25 if soak else 4))


def trainer(folder, milliseconds):
    """Return the training's own command line."""
    return [sys.executable, TRAINER, str(folder), str(SAVES), str(milliseconds)]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """Train without us; return what it printed and its files."""
    folder = tmp_path_factory.mktemp("undisturbed")
    done = subprocess.run(trainer(folder, 0), input=b"go on\n", capture_output=True, check=False)
    assert done.returncode == EXIT_CODE, done.stderr
    return done.stdout, files(folder)


def files(folder):
    """Return the training's own files with their bytes, without those that differ each time: event files, and times in `checkpoint`."""
    found = {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and ".modelwatch" not in path.parts and "tfevents" not in path.name
    }
    found["checkpoint"] = re.sub(rb'(?m)^.*timestamp.*$|"/.*/', b"", found["checkpoint"])
    return found


def agent_of(supervisor):
    """Return the process id of the supervisor's agent, or None while there is none."""
    for pid in Path(f"/proc/{supervisor}/task/{supervisor}/children").read_text(encoding="ascii").split():
        try:
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except (FileNotFoundError, ProcessLookupError):
            continue
        if b"watch" in words and os.fsencode(TRAINER) not in words:
            return int(pid)
    return None


def kill_agents(supervisor, chance):
    """Kill each agent that the supervisor starts, at a random moment of its life, `KILLS` times."""
    for _ in range(KILLS):
        pid = wait_until(lambda: agent_of(supervisor))
        due = time.monotonic() + chance.uniform(0.0, LONGEST_LIFE_SECONDS)
        wait_until(lambda due=due: time.monotonic() >= due)
        os.kill(pid, 9)
        wait_until(lambda pid=pid: agent_of(supervisor) != pid)


def test_training_never_notices_and_every_checkpoint_is_registered_once(undisturbed, tmp_path, seed):
    """Exit code, output and files are the training's own; each checkpoint is one version, whole, with the loss of its step."""
    run, repository = tmp_path / "run", tmp_path / "repository"
    run.mkdir()
    command = [sys.executable, "-m", "modelwatch", "run", "--modelPath", str(run), "--repository", str(repository)]
    command += ["--modelName", "digits", "--settleTime", "0.2", "--", *trainer(run, MILLISECONDS)]
    with (tmp_path / "stderr").open("wb") as stderr:
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr)
        try:
            wait_until((run / "model.ckpt-1.index").exists, 120)
            kill_agents(process.pid, random.Random(seed))
            output, _ = process.communicate(b"go on\n", timeout=120)
        finally:
            process.kill()
            process.communicate()
    said = (tmp_path / "stderr").read_text(encoding="utf-8")
    assert process.returncode == EXIT_CODE, said
    assert (output, files(run)) == undisturbed
    assert said.count("the agent ended with signal 9; starting it again") == KILLS, said

    opened = Repository.open(repository)
    versions = opened.model("digits", team="default").versions
    assert sorted(version.number for version in versions) == list(range(1, SAVES + 1))
    losses = {f"model.ckpt-{step}": float(loss) for step, loss, _ in map(str.split, output.decode("ascii").splitlines())}
    assert {
        version.registration.root: [metric.value for metric in version.registration.metrics if metric.tag == "loss"]
        for version in versions
    } == {root: [loss] for root, loss in losses.items()}
    for version in versions:
        conditions = {verified.condition for verified in verify(opened.storage, version, advance=lambda _count: None)}
        assert conditions == {Condition.UNCHANGED}
