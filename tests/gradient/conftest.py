"""The real `gradient` command-line client, unmodified, in an environment of its own: `make test-gradient` makes that."""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
from live_server import live_server
from project_files import ROOT

CLIENTS = {"2.99.4": ROOT / ".venv-gradient", "1.11.0": ROOT / ".venv-gradient1"}
_LIMIT_SECONDS = 120


def pytest_collection_modifyitems(items):
    """Mark every test of this folder."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.gradient)


@dataclass(frozen=True)
class Client:
    """
    One client.

    Attributes:
        version: Its release.
        home: Its home folder.
        url: The server that it talks to.
        key: What it says with ``--apiKey``; None for nothing.
    """

    version: str
    home: Path
    url: str
    key: str | None = "any"

    def run(self, *words, cwd=None):
        """Return what a command prints. The client ends with 0 whatever the server says, so that tells nothing."""
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "PAPERSPACE_CONFIG_HOST": self.url,
            "PAPERSPACE_CONFIG_EXPERIMENTS_HOST": f"{self.url}/experiments/v1/",
            "PAPERSPACE_CONFIG_EXPERIMENTS_HOST_V2": f"{self.url}/experiments/v2/",
            "PAPERSPACE_CLI_DEV": "true",  # it looks for newer releases of itself otherwise
            "PYTHONWARNINGS": "ignore",
            "COLUMNS": "200",
        }
        key = [] if self.key is None else ["--apiKey", self.key]
        done = subprocess.run(
            [CLIENTS[self.version] / "bin" / "gradient", *words, *key],
            env=environment,
            cwd=cwd or self.home,
            capture_output=True,
            text=True,
            timeout=_LIMIT_SECONDS,
            check=False,
        )
        assert "Traceback" not in done.stderr, done.stderr
        return done.stdout + done.stderr


def _client(version, request, server, folder):
    if not (CLIENTS[version] / "bin" / "gradient").exists():
        if request.config.getoption("--require-gradient"):
            pytest.fail(f"gradient {version} is not installed", pytrace=False)
        pytest.skip(f"gradient {version} is not installed; run `make test-gradient`")
    home = folder / "home of the client"
    home.mkdir()
    return Client(version, home, server.url)


@pytest.fixture
def server(tmp_path):
    """Give a server with no accounts."""
    with live_server(tmp_path) as started:
        yield started


@pytest.fixture
def gradient(request, server, tmp_path):
    """Give the last release of the client."""
    return _client("2.99.4", request, server, tmp_path)


@pytest.fixture
def older(request, server, tmp_path):
    """Give the last release that knows experiments."""
    return _client("1.11.0", request, server, tmp_path)
