"""Options that a real agent acts on: what it ignores, what commits a folder, how it notices changes."""

import contextlib
import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from waiting import wait_until

from modelwatch.core.mounts import WatchMethod, mount_of, watch_method

LIMIT_SECONDS = 60
MODELWATCH = [sys.executable, "-I", "-m", "modelwatch"]


@pytest.fixture
def watching(tmp_path):
    """Return a function that starts an agent over `models` in a new folder; it is ended, and must end well, after the test."""
    started = []

    def start(*options):
        (tmp_path / "models").mkdir(exist_ok=True)
        command = [*MODELWATCH, "watch", "--modelPath", "models", "--repository", "repository", "--modelName", "m", *options]
        child = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
        started.append(child)
        return child

    yield start
    for child in started:
        child.send_signal(signal.SIGTERM)
        errors = child.communicate(timeout=LIMIT_SECONDS)[1]
        assert child.returncode == 0, errors


def shown(folder, *words):
    """Return what a command of modelwatch prints as JSON."""
    done = subprocess.run([*MODELWATCH, *words, "--json"], cwd=folder, check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


def states(folder):
    """Return the state of each checkpoint that the agent has seen, by its folder or file."""
    try:
        return {row["checkpoint"]: row["state"] for row in shown(folder, "status", "--modelPath", "models")["checkpoints"]}
    except subprocess.CalledProcessError:
        return {}  # there is no journal yet


def test_only_what_is_committed_and_not_ignored_is_registered(watching, tmp_path):
    """A marker of the user's own name completes its folder at once; a folder without it waits; what is ignored is not even seen."""
    for name in ("committed", "open", "scratch"):
        (tmp_path / "models" / name).mkdir(parents=True)
        (tmp_path / "models" / name / "weights.bin").write_bytes(name.encode())
    for name in ("committed", "scratch"):
        (tmp_path / "models" / name / "FINISHED").touch()
    watching("--modelType", "custom", "--commit-marker", "FINISHED", "--quietTime=1h", "--ignore", "scratch*")
    wait_until(lambda: states(tmp_path).get("committed") == "JOURNALLED")
    assert states(tmp_path) == {"committed": "JOURNALLED", "open": "SEEN"}


def directories_watched(child):
    """Return how many directories a process watches by inotify, as the kernel tells."""
    count = 0
    for path in Path(f"/proc/{child.pid}/fdinfo").iterdir():
        with contextlib.suppress(FileNotFoundError):  # closed meanwhile
            count += path.read_text("ascii").count("inotify wd:")
    return count


@pytest.mark.parametrize("method", ["inotify", "poll", "auto"])
def test_changes_are_noticed_as_the_option_says(watching, tmp_path, method):
    """With `poll` the kernel is asked for nothing; by default the file system decides; either way what comes is registered."""
    child = watching("--watchMethod", method, "--pollInterval", "100ms", "--modelType", "Custom", "--quietTime", "0")
    by_file_system = watch_method(mount_of(tmp_path))[0] is WatchMethod.INOTIFY
    expected = {"inotify": True, "poll": False, "auto": by_file_system}[method]
    (tmp_path / "models" / "weights.bin").write_bytes(b"w")
    wait_until(lambda: states(tmp_path).get("weights.bin") == "JOURNALLED")
    assert (directories_watched(child) > 0) is expected


def test_what_is_ignored_is_not_watched_either(watching, tmp_path):
    """A cache with many folders uses up none of the kernel's watches."""
    for number in range(20):
        (tmp_path / "models" / "cache" / str(number)).mkdir(parents=True)
    (tmp_path / "models" / "weights.bin").write_bytes(b"w")
    child = watching("--watchMethod", "inotify", "--ignore", "cache", "--modelType", "Custom", "--quietTime", "0")
    wait_until(lambda: states(tmp_path).get("weights.bin") == "JOURNALLED")
    assert directories_watched(child) == 1
