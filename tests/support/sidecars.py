"""Running `modelwatch watch` beside a training of its own, as two containers of a pod do."""

import contextlib
import json
import os
import subprocess
import sys
from pathlib import Path

from waiting import wait_until

LIMIT_SECONDS = 60.0
"""What no test may take: it ends those that hang."""


class Sidecar:
    """
    One `modelwatch watch` over ``root``/models, with a repository beside it.

    Args:
        root: A folder of the test's own.
    """

    def __init__(self, root):
        self.models = root / "models"
        self.repository = root / "repository"
        self.ready_file = root / "ready"
        self.process = None
        self.told = ""

    def start(self, *options, health="off", inside=(), wait=True):
        """Start it, with the words of `inside` before its own, and wait, if that is wanted, until it is ready."""
        command = [*inside, sys.executable, "-m", "modelwatch", "watch", "--modelPath", str(self.models), "--modelName", "m"]
        command += ["--repository", str(self.repository), "--readyFile", str(self.ready_file)]
        command += ["--healthAddress", health, "--settleTime", "0", "--quietTime", "0", *options]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        if wait:
            wait_until(lambda: self.ready_file.exists() or self.process.poll() is not None)

    def follows(self, pid):
        """Return whether it holds a pidfd of a process."""
        for info in Path(f"/proc/{self.process.pid}/fdinfo").iterdir():
            with contextlib.suppress(FileNotFoundError):
                if f"\nPid:\t{pid}\n" in info.read_text(encoding="ascii"):
                    return True
        return False

    def wait(self):
        """Wait for its end by itself; return its exit code."""
        _, self.told = self.process.communicate(timeout=LIMIT_SECONDS)
        return self.process.returncode

    def stop(self):
        """End it if it runs, whatever the test did."""
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.communicate(timeout=LIMIT_SECONDS)

    def status(self):
        """Return what `status.json` says."""
        return json.loads((self.models / ".modelwatch" / "status.json").read_text(encoding="utf-8"))

    def why(self):
        """Return why it ended, as the status file says."""
        return self.status()["agent"]["why"]

    def versions(self):
        """Return how many versions the repository holds."""
        return len(list(self.repository.glob("models/default/m/versions/*.json")))


def unique_name():
    """Return a word that no other process on this machine has in its command line."""
    return f"training-{os.urandom(8).hex()}"
