"""A real server: `modelwatch serve` in a process of its own, on a free port."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import requests
from waiting import wait_until

_SERVING = re.compile(r"serving url=(\S+)")


@dataclass(frozen=True, slots=True)
class Served:
    """
    A repository and the server that serves it.

    Attributes:
        url: Where.
        repository: The repository's folder.
        log: What the server writes.
    """

    url: str
    repository: Path
    log: Path

    def wait_for(self, model: str, versions: int = 1, team: str = "default") -> None:
        """Wait until the server has seen so many versions of a model in the directory: it looks once a second."""
        wait_until(lambda: self._versions(model, team) == versions)

    def _versions(self, model: str, team: str) -> int:
        answer = requests.get(f"{self.url}/api/v1/teams/{team}/models/{model}", timeout=30)
        return answer.json()["versions"] if answer.ok else 0

    def said(self) -> str:
        """Return what the server has written so far."""
        return self.log.read_text()


@contextmanager
def serving(repository: Path, log: Path, *options: str) -> Iterator[Served]:
    """Serve a repository; the server is ended with SIGTERM and must then end well."""
    command = [
        sys.executable,
        "-m",
        "modelwatch",
        "serve",
        "--repository",
        str(repository),
        "--serverAddress",
        "127.0.0.1:0",
        *options,
    ]
    with log.open("wb") as output, subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT) as process:
        try:
            match = wait_until(lambda: _SERVING.search(log.read_text()) or process.poll() is not None)
            assert isinstance(match, re.Match), f"the server ended with {process.returncode}:\n{log.read_text()}"
            yield Served(match[1], repository, log)
        finally:
            process.terminate()
            assert process.wait(30) in {0, -signal.SIGTERM}, log.read_text()
