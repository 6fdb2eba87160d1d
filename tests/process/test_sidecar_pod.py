"""A sidecar that shares a real PID namespace with other containers, as in a pod with `shareProcessNamespace`."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from sidecars import LIMIT_SECONDS, Sidecar
from waiting import wait_until

UNSHARE = ("unshare", "--pid", "--fork", "--mount-proc", "--kill-child")


def _refusal() -> str:
    if shutil.which("unshare") is None or shutil.which("nsenter") is None:
        return "unshare(1) or nsenter(1) is not installed"
    return subprocess.run([*UNSHARE, "true"], capture_output=True, check=False, text=True).stderr.strip()


_REFUSAL = _refusal()
pytestmark = pytest.mark.skipif(bool(_REFUSAL), reason=f"NOT TESTED IN A SHARED PID NAMESPACE, none may be made here: {_REFUSAL}")


@pytest.fixture
def pod(tmp_path):
    """Give the words that run a command as the first process of a new container in one pod."""
    pause = tmp_path / "pause"
    shutil.copy(shutil.which("cat"), pause)  # the kernel names a process after its executable
    holder = subprocess.Popen([*UNSHARE, str(pause)], stdin=subprocess.PIPE)
    children = Path(f"/proc/{holder.pid}/task/{holder.pid}/children")
    first = wait_until(lambda: children.read_text(encoding="ascii").split())[0]
    wait_until(lambda: Path(f"/proc/{first}/comm").read_text(encoding="ascii") == "pause\n")
    yield ("nsenter", "--target", first, "--pid", "--mount", "unshare", "--mount")
    holder.stdin.close()
    holder.wait(timeout=LIMIT_SECONDS)


@pytest.fixture
def sidecar(tmp_path):
    """Give a sidecar that is not started yet; it is stopped after the test."""
    sidecar = Sidecar(tmp_path)
    sidecar.models.mkdir()
    yield sidecar
    sidecar.stop()


def container(pod):
    """Start the first process of another container, which ends when its input does."""
    child = subprocess.Popen([*pod, sys.executable, "-c", "print('ready', flush=True); input()"], stdin=-1, stdout=-1, stderr=-1)
    assert child.stdout.readline() == b"ready\n"
    return child


@pytest.mark.parametrize("first", ["sidecar", "training"])
def test_the_other_containers_end_ends_the_sidecar(pod, sidecar, first):
    """Neither the pod's own first process nor what runs in the sidecar's container keeps it; nothing has to be named."""
    if first == "sidecar":
        sidecar.start("--waitFor", "others", "--logLevel", "debug", inside=pod)
    child = container(pod)
    if first == "training":
        sidecar.start("--waitFor", "others", "--logLevel", "debug", inside=pod)
    line = next(line for line in sidecar.process.stderr if "waiting for a process" in line)
    assert "print('ready'" in line
    child.communicate(b"\n", timeout=LIMIT_SECONDS)
    assert sidecar.wait() == 0
    assert sidecar.why() == "others has ended"


def test_a_probe_in_our_own_container_is_no_training(pod, sidecar):
    """What is executed in our mount namespace comes and goes, and ends nothing."""
    sidecar.start("--waitFor", "others", "--startTimeout", "2", "--logLevel", "debug", inside=pod)
    ours = next(
        path.parent.name
        for path in Path("/proc").glob("[0-9]*/cmdline")
        if str(sidecar.models).encode() in path.read_bytes() and b"nsenter" not in path.read_bytes().split(b"\0")[0]
    )
    probe = ("nsenter", "--target", ours, "--pid", "--mount", sys.executable, "-c", "print('ready', flush=True); input()")
    child = subprocess.Popen(probe, stdin=-1, stdout=-1)
    assert child.stdout.readline() == b"ready\n"
    assert sidecar.wait() == 0
    assert sidecar.why().startswith("no process of others was seen")
    assert child.poll() is None
    child.communicate(b"\n", timeout=LIMIT_SECONDS)
