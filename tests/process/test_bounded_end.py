"""Nothing that takes long or for ever, neither a huge file nor a mount that does not answer, makes an end last longer than was allowed."""

import shutil
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import hung_mounts
import pytest
from sidecars import LIMIT_SECONDS, Sidecar
from waiting import wait_until

KERAS = Path(__file__).parents[1] / "golden" / "keras" / "three-epochs.keras"
HUGE_BYTES = 64 << 30
"""More than can be read in the time that is allowed; a hole in a file, which takes no room."""


@pytest.fixture
def sidecar(tmp_path):
    """Give a sidecar that is not started yet; it is stopped after the test."""
    sidecar = Sidecar(tmp_path)
    sidecar.models.mkdir()
    yield sidecar
    sidecar.stop()


def save(sidecar, name):
    """Save a checkpoint."""
    shutil.copy(KERAS, sidecar.models / name)


def watch_once(sidecar):
    """Do what is left, as the line at the end says; return the exit code."""
    command = [sys.executable, "-m", "modelwatch", "watch", "--once", "--modelPath", str(sidecar.models), "--modelName", "m"]
    command += ["--repository", str(sidecar.repository), "--settleTime", "0"]
    return subprocess.run(command, check=False, capture_output=True, timeout=LIMIT_SECONDS).returncode


def run(sidecar, *trainer, repository=None):
    """Run a training to its end; return its status and what was said. Nothing waits for those who may still hold our standard error."""
    said = sidecar.models.parent / "said"
    command = [sys.executable, "-m", "modelwatch", "run", "--modelPath", str(sidecar.models), "--modelName", "m"]
    command += ["--repository", str(repository or sidecar.repository), "--drainTimeout", "0.5", "--settleTime", "0", "--", *trainer]
    with said.open("wb") as stderr:
        status = subprocess.run(command, check=False, stderr=stderr, timeout=LIMIT_SECONDS).returncode
    return status, said.read_text(encoding="utf-8")


def figures(state):
    """Return what the status file in a state folder says, as text; nothing before there is one."""
    path = state / "status.json"
    return path.read_text(encoding="utf-8") if path.exists() else ""


def is_sending(sidecar):
    """Return whether a delivery is on its way."""
    return '"SENDING"' in figures(sidecar.models / ".modelwatch")


def stuck(sidecar):
    """Return whether a thread of the sidecar waits for a file system that says nothing."""
    stacks = [path.read_text(encoding="ascii") for path in Path(f"/proc/{sidecar.process.pid}/task").glob("*/stack")]
    return any("fuse" in stack for stack in stacks)


# ------------------------------------------------------------------------------------------------------------- huge files


def test_a_huge_file_is_not_read_to_its_end(sidecar):
    """Hashing is given up between two pieces; the end is as any other, and says what was not done."""
    sidecar.start("--drainTimeout", "0.5", "--storage", "reference", "--modelType", "Custom", "--logLevel", "debug")
    with (sidecar.models / "weights.bin").open("wb") as file:
        file.truncate(HUGE_BYTES)
    reads = Path(f"/proc/{sidecar.process.pid}/io")
    wait_until(lambda: int(reads.read_text(encoding="ascii").split()[1]) > 1 << 30)
    sidecar.process.send_signal(signal.SIGTERM)
    assert sidecar.wait() == 75
    assert "1 checkpoint was not registered in time; `modelwatch watch --once` does it: weights.bin" in sidecar.told
    assert "does not answer" not in sidecar.told


@pytest.mark.parametrize("seconds", ["0.5", "1000"])
def test_a_huge_file_is_not_copied_to_its_end(sidecar, tmp_path, seconds):
    """Neither when the time is over nor when a second signal asks for the end at once; nothing of the copy is left."""
    state = tmp_path / "state"
    sidecar.start("--drainTimeout", seconds, "--modelType", "Custom", "--stateDir", str(state))
    with (sidecar.models / "weights.bin").open("wb") as file:
        file.truncate(HUGE_BYTES)
    copies = wait_until(lambda: [path for path in state.glob("snapshots/*/files/weights.bin") if path.stat().st_size > 1 << 20])
    sidecar.process.send_signal(signal.SIGTERM)
    if seconds == "1000":
        wait_until(lambda: '"FINISHING"' in figures(state))
        sidecar.process.send_signal(signal.SIGTERM)
    assert sidecar.wait() == 75
    assert not copies[0].exists()


# ---------------------------------------------------------------------------------------------- mounts that do not answer


def test_deliveries_to_a_mount_that_does_not_answer(sidecar):
    """The sidecar ends in its time; what it did not do is done later, once."""
    sidecar.start("--drainTimeout", "0.5")
    save(sidecar, "a.keras")
    wait_until(lambda: sidecar.versions() == 1)
    with hung_mounts.silent(sidecar.repository):
        save(sidecar, "b.keras")
        wait_until(lambda: is_sending(sidecar))
        sidecar.process.send_signal(signal.SIGTERM)
        assert sidecar.wait() == 75
    assert "`modelwatch watch --once --modelPath" in sidecar.told
    assert watch_once(sidecar) == 0
    assert sidecar.versions() == 2


def test_a_model_path_that_does_not_answer(sidecar):
    """The scan itself hangs, and so does whatever the state folder is needed for."""
    sidecar.start("--drainTimeout", "0.5")
    save(sidecar, "a.keras")
    with hung_mounts.silent(sidecar.models):
        wait_until(lambda: stuck(sidecar))
        sidecar.process.send_signal(signal.SIGTERM)
        assert sidecar.wait() == 75
    assert watch_once(sidecar) == 0
    assert sidecar.versions() == 1


def test_a_state_folder_that_does_not_answer_at_the_start(sidecar, tmp_path):
    """There is no agent yet that could be ended in order."""
    with hung_mounts.silent(tmp_path / "state"):
        sidecar.start("--drainTimeout", "0.5", "--stateDir", str(tmp_path / "state" / "journal"), wait=False)
        wait_until(lambda: stuck(sidecar))
        sidecar.process.send_signal(signal.SIGTERM)
        assert sidecar.wait() in {75, -signal.SIGTERM}


def test_a_second_signal_does_not_wait_for_a_mount(sidecar):
    """Whoever insists is obeyed soon, however long was allowed."""
    sidecar.start("--drainTimeout", "1000")
    with hung_mounts.silent(sidecar.repository):
        save(sidecar, "a.keras")
        wait_until(lambda: stuck(sidecar))  # in the delivery, or already in asking whether the repository answers
        sidecar.process.send_signal(signal.SIGTERM)
        wait_until(lambda: '"DRAINING"' in figures(sidecar.models / ".modelwatch"))
        sidecar.process.send_signal(signal.SIGTERM)
        assert sidecar.wait() == 75


def test_the_entrypoint_returns_the_trainings_status_although_a_mount_does_not_answer(sidecar):
    """Neither the training's start nor its end is ours to delay."""
    save(sidecar, "a.keras")
    with hung_mounts.silent(sidecar.repository):
        status, said = run(sidecar, "/bin/sh", "-c", "echo $PS_MODEL_PATH >$PS_MODEL_PATH/trained; exit 3")
    assert status == 3, said
    assert "does not answer: the training starts, and its agent follows when it can" in said
    assert (sidecar.models / "trained").read_text(encoding="ascii").strip() == str(sidecar.models)
    assert watch_once(sidecar) == 0
    assert sidecar.versions() == 1


def test_an_agent_follows_when_the_mount_answers_again(sidecar, tmp_path):
    """A training that was started without anybody watching is watched as soon as that is possible."""
    save(sidecar, "a.keras")
    script = f"touch {tmp_path}/started; until test -e {tmp_path}/go; do sleep 0.05; done; exit 3"
    with ThreadPoolExecutor(1) as beside:
        with hung_mounts.silent(sidecar.repository):
            running = beside.submit(run, sidecar, "/bin/sh", "-c", script)
            wait_until((tmp_path / "started").exists)
        wait_until(lambda: sidecar.versions() == 1)
        (tmp_path / "go").touch()
        assert running.result()[0] == 3


def test_the_entrypoint_leaves_an_agent_behind_that_cannot_even_be_killed(sidecar, tmp_path):
    """The kernel lets nobody go who writes to a frozen file system; the training's status does not wait for that."""
    save(sidecar, "a.keras")
    with hung_mounts.disk(tmp_path / "disk") as disk:
        repository = disk / "repository"
        repository.mkdir()
        with hung_mounts.frozen(disk):
            status, said = run(sidecar, "/bin/sh", "-c", "exit 3", repository=repository)
        assert status == 3, said
        assert "leaving it behind; `modelwatch watch --once" in said
        wait_until(lambda: not users(disk))


def users(disk):
    """Return the descriptors of all processes that are open below a folder."""
    found = []
    for descriptor in Path("/proc").glob("[0-9]*/fd/*"):
        try:
            found += [descriptor] if descriptor.readlink().is_relative_to(disk) else []
        except OSError:
            continue  # gone meanwhile
    return found
