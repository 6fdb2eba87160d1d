"""A node that is not the chief: its training is as without us, and nothing is registered."""

import os
import signal
import subprocess
import sys

import supervised
from waiting import wait_until

MODELWATCH = (sys.executable, "-m", "modelwatch")
WORKER = {**os.environ, "RANK": "1", "WORLD_SIZE": "2"}
REASON = b"RANK makes this process 1 of 2"


def options(folder):
    """Return options for a model path and a repository of the test's own."""
    return [f"--modelPath={folder / 'models'}", f"--repository={folder / 'repository'}"]


def test_a_worker_s_training_runs_without_an_agent(tmp_path):
    """`run` ends as the training does, says one line, and leaves nothing behind."""
    (tmp_path / "models").mkdir()
    script = 'echo "$PS_MODEL_PATH"; ps -o args= --ppid $PPID >children; exit 7'
    result = supervised.run([*MODELWATCH, "run", *options(tmp_path), "--", "sh", "-c", script], env=WORKER, cwd=tmp_path)
    assert (result.returncode, result.stdout) == (7, f"{tmp_path / 'models'}\n".encode())
    assert result.stderr.splitlines() == [b"modelwatch: " + REASON + b": its chief registers the models; no agent here"]
    assert "watch" not in (tmp_path / "children").read_text("utf-8")
    assert list((tmp_path / "models").iterdir()) == []


def test_a_worker_s_sidecar_is_ready_and_ends_when_asked_to(tmp_path):
    """`watch` holds up no platform that waits for its readiness, and touches no folder."""
    ready = tmp_path / "ready"
    arguments = [*MODELWATCH, "watch", *options(tmp_path), f"--readyFile={ready}", "--healthAddress=off"]
    with subprocess.Popen(arguments, env=WORKER, stderr=subprocess.PIPE) as child:
        wait_until(ready.exists)
        child.send_signal(signal.SIGTERM)
        _, errors = child.communicate(timeout=supervised.LIMIT_SECONDS)
    assert child.returncode == 0
    assert REASON in errors
    assert sorted(path.name for path in tmp_path.iterdir()) == []


def test_a_worker_that_is_told_to_registers(tmp_path):
    """`--workers all` makes every node register what it sees."""
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "notes.txt").write_text("x", encoding="utf-8")
    arguments = [*MODELWATCH, "watch", "--once", "--workers=all", "--modelType=Custom", *options(tmp_path)]
    result = supervised.run(arguments, env=WORKER)
    assert result.returncode == 0
    assert REASON not in result.stderr
    assert (tmp_path / "models" / ".modelwatch").is_dir()
