"""Agents and the command line with a server that is down, killed, slow or refuses: nothing is lost, and training never waits."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import supervised
from faulty_proxy import FaultyProxy
from live_server import LiveServer
from repositories import registered_in
from waiting import wait_until

from modelwatch.repository.repository import Repository

MODELWATCH = str(Path(sys.executable).with_name("modelwatch"))
TRAINER = (sys.executable, str(Path(__file__).parents[1] / "support" / "rotating_trainer.py"))
SAVES = 4


@pytest.fixture
def model_path(tmp_path):
    """An empty model path."""
    path = tmp_path / "models"
    path.mkdir()
    return path


@pytest.fixture
def server(tmp_path):
    """A server that is not started yet, on a port that is its own until the test's end."""
    server = LiveServer(tmp_path / "repository", tmp_path / "server.log")
    with socket.create_server(("127.0.0.1", 0)) as free:
        server.port = free.getsockname()[1]
    server.address = f"http://127.0.0.1:{server.port}"
    yield server
    if server.process is not None and server.process.poll() is None:
        server.stop()


def command(*words):
    """Return a command line."""
    return [MODELWATCH, *map(str, words)]


def environment(key=None):
    """Return the environment of a command that has a key, or none."""
    return {**os.environ, **({"MODELWATCH_API_KEY": key} if key else {})}


def modelwatch(*words, **more):
    """Run a command and return how it ended."""
    return supervised.run(command(*words), env=environment(**more))


def train(model_path, address, *, patience="1s", **more):
    """Run a training that keeps only the latest of its checkpoints, and begins once the agent watches; return how the entrypoint ended."""
    ready = model_path.with_name("ready")
    options = [
        "--modelPath",
        model_path,
        "--modelName",
        "digits",
        "--repository",
        address,
        "--drainTimeout",
        patience,
        "--readyFile",
        ready,
    ]
    trainer = [*TRAINER, model_path, SAVES, 200_000, 500]
    child = supervised.start(command("run", *options, "--", *trainer), env=environment(**more))
    wait_until(lambda: ready.exists() or child.poll() is not None)
    output, errors = child.communicate(b"go\n", timeout=supervised.LIMIT_SECONDS)
    return subprocess.CompletedProcess(child.args, child.returncode, output, errors)


def status(model_path):
    """Return what `modelwatch status` knows."""
    return json.loads(modelwatch("status", "--modelPath", model_path, "--json").stdout)


def drain(model_path, address, **more):
    """Deliver what is left; return how that ended."""
    return modelwatch("drain", "--modelPath", model_path, "--repository", address, "--drainTimeout", "1s", **more)


def make_key(folder, *words):
    """Make an API key of the repository in a folder."""
    made = modelwatch("keys", "add", *words, "--repository", folder / "repository", "--json")
    return json.loads(made.stdout)["text"]


def registered_steps(root):
    """Return the steps of all versions, in order of number."""
    return [
        version.registration.step or int(version.registration.root.rpartition("-")[2])
        for version in Repository.open(root).models()[0].versions
    ]


def test_a_server_that_is_down_for_the_whole_training(tmp_path, model_path, server):
    """The training ends as it would; every checkpoint is kept though it was rotated away, shown, and delivered once the server is there."""
    ended = train(model_path, server.address)
    assert (ended.returncode, ended.stdout) == (0, f"{SAVES}\n".encode())
    told = ended.stderr.decode()
    assert "cannot register now" in told
    assert f"modelwatch drain --modelPath {model_path} --repository {server.address} --team default" in told
    shown = status(model_path)
    assert {delivery["state"] for delivery in shown["deliveries"]} == {"PENDING"}
    assert "Connection refused" in shown["last_error"]
    assert drain(model_path, server.address).returncode == 75
    server.start(port=server.port)
    assert drain(model_path, server.address).returncode == 0
    assert registered_steps(tmp_path / "repository") == list(range(1, SAVES + 1))
    assert drain(model_path, server.address).returncode == 0
    assert len(registered_in(tmp_path / "repository")) == SAVES
    assert not list((model_path / ".modelwatch/snapshots").iterdir())


def test_a_training_beside_a_server(tmp_path, model_path, server):
    """Versions arrive while it trains, and so does what is told of the run."""
    server.start(port=server.port)
    ended = train(model_path, server.address, patience="60s")
    assert ended.returncode == 0
    assert registered_steps(tmp_path / "repository") == list(range(1, SAVES + 1))
    (run,) = json.loads(modelwatch("models", "runs", "digits", "--repository", server.address, "--json").stdout)["runs"]
    assert (run["state"], run["checkpoints"]) == ("ended", SAVES)


def test_a_server_that_is_killed_while_it_is_registered_with(tmp_path, model_path, server):
    """Killed in the middle of a delivery and started again, three times, it shows each checkpoint once, in order."""
    with FaultyProxy(server.port) as proxy:
        train(model_path, proxy.url)
        for arrived in (50_000, 300_000, 550_000):
            server.start(port=server.port)
            draining = supervised.start(
                command("drain", "--modelPath", model_path, "--repository", proxy.url, "--drainTimeout", "1s")
            )
            wait_until(lambda: proxy.sent > arrived or draining.poll() is not None)  # noqa: B023 - called at once
            server.kill()
            draining.communicate(timeout=supervised.LIMIT_SECONDS)
        server.start(port=server.port)
        assert drain(model_path, proxy.url).returncode == 0
    assert registered_steps(tmp_path / "repository") == list(range(1, SAVES + 1))


def test_a_wrong_key_is_mended_afterwards(tmp_path, model_path, server):
    """What it could not register is kept with what to do, the key stands nowhere, and the right one delivers all."""
    key = make_key(tmp_path, "trainer")
    server.start(port=server.port)
    wrong = key[:-6] + "aaaaaa"
    assert train(model_path, server.address, key=wrong).returncode == 0
    shown = status(model_path)
    assert {delivery["state"] for delivery in shown["deliveries"]} == {"PENDING"}
    assert "refuses" in shown["last_error"]
    assert "--apiKey" in shown["last_error"]
    assert drain(model_path, server.address, key=key).returncode == 0
    assert registered_steps(tmp_path / "repository") == list(range(1, SAVES + 1))
    for path in [*model_path.rglob("*"), *(tmp_path / "repository/models").rglob("*")]:
        if path.is_file():
            assert wrong.encode() not in path.read_bytes(), path
            assert key.encode() not in path.read_bytes(), path


@pytest.mark.parametrize(("given", "code", "said"), [(None, 77, "--apiKey"), ("mw_wrong", 77, "refuses"), ("read", 77, "writer")])
def test_the_command_line_says_what_a_key_may_not(tmp_path, server, given, code, said):
    """Code 77, one message, and what to do; a key that may read can list."""
    key = make_key(tmp_path, "page", "--scope", "read")
    server.start(port=server.port)
    (tmp_path / "model.bin").write_bytes(b"weights")
    key = key if given == "read" else given
    ended = modelwatch("models", "upload", tmp_path / "model.bin", "--repository", server.address, key=key)
    assert (ended.returncode, ended.stdout) == (code, b"")
    assert said in ended.stderr.decode()
    listed = modelwatch("models", "list", "--repository", server.address, key=key)
    assert listed.returncode == (0 if given == "read" else 77)


def test_doctor_says_whether_the_server_answers_and_who_we_are(tmp_path, model_path, server):
    """Its address, its version, the team and the key's name; without a server, why it cannot be reached."""

    def finding(**more):
        words = ("doctor", "--modelPath", model_path, "--repository", server.address, "--json")
        findings = json.loads(modelwatch(*words, **more).stdout)["findings"]
        return next(each for each in findings if each["subject"] == "repository")

    assert "Connection refused" in finding()["text"]
    assert finding()["level"] == "problem"
    key = make_key(tmp_path, "trainer")
    server.start(port=server.port)
    found = finding(key=key)
    assert found["level"] == "ok"
    assert all(text in found["text"] for text in (server.address, "team default", "as key mw_"))
    assert finding()["level"] == "problem"
    assert "needs an API key" in finding()["text"]
