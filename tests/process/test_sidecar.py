"""A sidecar beside a real training ends with it, however the training ends and whichever was started first, after one last scan."""

import json
import signal
import subprocess
import sys
import urllib.request

import pytest
from sidecars import LIMIT_SECONDS, Sidecar, unique_name
from waiting import wait_until
from ways_to_end import WAYS, end_daemon, program


@pytest.fixture
def sidecar(tmp_path):
    """Give a sidecar that is not started yet; it is stopped after the test."""
    sidecar = Sidecar(tmp_path)
    sidecar.models.mkdir()
    yield sidecar
    sidecar.stop()


@pytest.fixture
def training(sidecar, tmp_path):
    """Give a function that starts a training, and end afterwards what it left behind."""
    name, left = unique_name(), tmp_path / "left"
    children = []

    def start(code, *, wait_for_input=False):
        command = program(sidecar.models, code, left=left, wait_for_input=wait_for_input)
        pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
        children.append(subprocess.Popen([*command, name], text=True, **pipes))
        return children[-1]

    start.name = name
    yield start
    end_daemon(left)
    for child in children:
        if child.poll() is None:
            child.kill()
        child.communicate(timeout=LIMIT_SECONDS)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("first", ["sidecar", "training"])
def test_each_way_of_ending_ends_the_sidecar(sidecar, training, way, first):
    """What was saved last is registered, and the sidecar returns 0."""
    if first == "sidecar":
        sidecar.start("--waitFor", training.name)
    child = training(WAYS[way][0], wait_for_input=True)
    if first == "training":
        sidecar.start("--waitFor", training.name)
    wait_until(lambda: sidecar.follows(child.pid))
    child.stdin.write("go on\n")
    child.stdin.flush()
    child.wait(timeout=LIMIT_SECONDS)
    assert sidecar.wait() == 0, sidecar.told
    assert sidecar.versions() == 1
    assert sidecar.why() == f"{training.name} has ended"


def test_a_training_known_by_its_id_is_followed(sidecar, training):
    """`--waitFor $!` of a shell."""
    child = training("checkpoint(1)", wait_for_input=True)
    sidecar.start("--waitFor", str(child.pid))
    wait_until(lambda: sidecar.follows(child.pid))
    child.communicate("go on\n", timeout=LIMIT_SECONDS)
    assert (sidecar.wait(), sidecar.versions()) == (0, 1)


def test_a_training_that_was_over_before_we_came_is_registered(sidecar, training):
    """Its id is not there any more: one scan, and the end."""
    child = training("checkpoint(1)")
    child.communicate(timeout=LIMIT_SECONDS)
    sidecar.start("--waitFor", str(child.pid))
    assert (sidecar.wait(), sidecar.versions()) == (0, 1)
    assert sidecar.why() == f"process {child.pid} has ended before it was seen"


@pytest.mark.parametrize("runs", ["never", "for an instant", "before"])
def test_a_training_that_nobody_sees_ends_the_sidecar(sidecar, training, runs):
    """It never starts, is over in less time than we look, or was over before: nothing has to be caught alive."""
    if runs == "before":
        training("checkpoint(1)").communicate(timeout=LIMIT_SECONDS)
    sidecar.start("--waitFor", training.name, "--startTimeout", "3")
    if runs == "for an instant":
        child = subprocess.Popen(["true", training.name])
        child.wait(timeout=LIMIT_SECONDS)
    assert sidecar.wait() == 0
    assert sidecar.versions() == (runs == "before")


def test_a_marker_tells_at_once_what_nobody_saw(sidecar, training, tmp_path):
    """Beside a name, the marker ends the wait for a training that was over too soon."""
    marker = tmp_path / "ended"
    training("checkpoint(1)").communicate(timeout=LIMIT_SECONDS)
    marker.touch()
    sidecar.start("--waitFor", training.name, "--endMarker", str(marker))
    assert (sidecar.wait(), sidecar.versions(), sidecar.why()) == (0, 1, f"the end marker {marker} is there")


@pytest.mark.parametrize(("how", "said"), [("exit 0", "0"), ("exit 3", "3"), ("kill -9 $$", "137 (SIGKILL)")])
def test_the_exit_code_is_reported(sidecar, tmp_path, how, said):
    """What a wrapper's shell writes is in the status that stays, and in what people are shown."""
    code = tmp_path / "exit-code"
    sidecar.start("--exitCodeFile", str(code))
    subprocess.run(["/bin/sh", "-c", f"/bin/sh -c '{how}'; echo $? > {code}"], check=True, timeout=LIMIT_SECONDS)
    assert sidecar.wait() == 0
    assert sidecar.why() == f"training ended with exit code {said}"
    assert sidecar.status()["agent"]["state"] == "STOPPED"
    command = [sys.executable, "-m", "modelwatch", "status", "--modelPath", str(sidecar.models)]
    shown = subprocess.run(command, check=True, capture_output=True, text=True, timeout=LIMIT_SECONDS).stdout
    assert f"agent: not running (last: STOPPED), training ended with exit code {said}, state folder" in shown


def test_a_quiet_time_ends_the_sidecar(sidecar, training):
    """As long as something is written it stays; then one last scan."""
    sidecar.start("--idleTimeout", "2")
    training("checkpoint(1)").communicate(timeout=LIMIT_SECONDS)
    assert (sidecar.wait(), sidecar.versions(), sidecar.why()) == (0, 1, "nothing was written for 2 s")


def test_a_training_that_makes_the_model_path_may_wait_for_us(sidecar, training):
    """We are ready before there is anything to look at: who starts the training after that misses nothing, and nobody waits for ever."""
    sidecar.models.rmdir()
    sidecar.start("--waitFor", training.name)
    child = training(f"os.mkdir({str(sidecar.models)!r}); checkpoint(1)", wait_for_input=True)
    wait_until(lambda: sidecar.follows(child.pid))
    child.communicate("go on\n", timeout=LIMIT_SECONDS)
    assert (sidecar.wait(), sidecar.versions()) == (0, 1)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_a_sidecar_that_waits(sidecar, training, number):
    """Kubernetes ends its own sidecars so, whatever else they wait for; the ready file goes."""
    sidecar.start("--waitFor", training.name, "--idleTimeout", "1000", "--endMarker", "/nowhere")
    training("checkpoint(1)").communicate(timeout=LIMIT_SECONDS)
    sidecar.process.send_signal(number)
    assert (sidecar.wait(), sidecar.versions()) == (0, 1)
    assert not sidecar.ready_file.exists()


@pytest.mark.parametrize("first", ["signal", "marker"])
def test_a_signal_and_the_trainings_own_end_are_one_request(sidecar, training, tmp_path, first):
    """A pod that goes sends SIGTERM while the training ends by itself: neither cuts short the draining that the other began."""
    marker = tmp_path / "ended"
    sidecar.repository.write_text("in the way")
    training("checkpoint(1)").communicate(timeout=LIMIT_SECONDS)
    sidecar.start("--endMarker", str(marker), "--drainTimeout", "50")
    wait_until((sidecar.models / ".modelwatch" / "status.json").exists)
    requests = [lambda: sidecar.process.send_signal(signal.SIGTERM), marker.touch]
    for request in requests if first == "signal" else reversed(requests):
        request()
        wait_until(lambda: sidecar.status()["agent"]["state"] == "DRAINING")
    sidecar.repository.unlink()
    assert (sidecar.wait(), sidecar.versions()) == (0, 1), sidecar.told


def test_a_second_signal_ends_the_draining(sidecar, training):
    """Whoever insists is obeyed at once: what is left stays in the journal."""
    sidecar.repository.write_text("in the way")
    training("checkpoint(1)").communicate(timeout=LIMIT_SECONDS)
    sidecar.start("--drainTimeout", "1000")
    wait_until((sidecar.models / ".modelwatch" / "status.json").exists)
    for _ in range(2):
        sidecar.process.send_signal(signal.SIGTERM)
        wait_until(lambda: sidecar.process.poll() is not None or sidecar.status()["agent"]["state"] == "DRAINING")
    assert sidecar.wait() == 75


def test_a_running_sidecar_answers(sidecar, training):
    """At an address that its status file tells; a single look beside it takes nothing of it away."""
    sidecar.start("--idleTimeout", "1000", health="127.0.0.1:0")
    training("checkpoint(1)").communicate(timeout=LIMIT_SECONDS)
    wait_until(lambda: sidecar.versions() == 1)
    address = wait_until(lambda: sidecar.status()["address"])
    for path, expected in (("healthz", "ok"), ("readyz", "ready"), ("metrics", 'modelwatch_checkpoints{state="JOURNALLED"} 1')):
        with urllib.request.urlopen(f"http://{address}/{path}", timeout=LIMIT_SECONDS) as answer:
            assert expected in answer.read().decode()
    wait_until(lambda: list(sidecar.status()["deliveries"].values()) == [{"DELIVERED": 1}])
    command = [sys.executable, "-m", "modelwatch", "status", "--json", "--modelPath", str(sidecar.models)]
    printed = subprocess.run(command, check=True, capture_output=True, text=True, timeout=LIMIT_SECONDS).stdout
    with urllib.request.urlopen(f"http://{address}/status", timeout=LIMIT_SECONDS) as answer:
        assert json.loads(answer.read()) == json.loads(printed)
    once = ["watch", "--once", "--modelPath", str(sidecar.repository), "--readyFile", str(sidecar.ready_file)]
    once += ["--repository", str(sidecar.models.parent / "another"), "--healthAddress", address]
    subprocess.run([sys.executable, "-m", "modelwatch", *once], check=False, capture_output=True, timeout=LIMIT_SECONDS)
    assert sidecar.ready_file.exists()
    sidecar.process.terminate()
    assert sidecar.wait() == 0
