"""What the agent tells machines: over HTTP, in a file, and by a file."""

import io
import json
import socket
import urllib.error
import urllib.request

import pytest
from prometheus_client.parser import text_string_to_metric_families
from waiting import wait_until

from modelwatch.config.address import Address
from modelwatch.core import log
from modelwatch.core.clock import SystemClock
from modelwatch.daemon.health import Health
from modelwatch.daemon.state_folder import journal_path, owned
from modelwatch.daemon.status import read_status
from modelwatch.daemon.status_json import status_json
from modelwatch.journal.journal import Journal
from modelwatch.journal.states import CandidateState
from modelwatch.journal.trail import Trail

ANYWHERE = Address("127.0.0.1", 0)
PATHS = ("/healthz", "/readyz", "/metrics", "/status")


@pytest.fixture
def folder(tmp_path):
    """Give a state folder, held, with a journal that has seen one checkpoint."""
    folder = tmp_path / "models-state"
    with owned(folder):
        with Journal(journal_path(folder), SystemClock()) as journal:
            journal.remember("agent", {"state": "WATCHING", "pid": 1, "since": 0.0, "why": ""})
            see(journal, "model.ckpt-1")
        yield folder


@pytest.fixture
def health(tmp_path):
    """Give a health that has been started."""
    health = Health(ANYWHERE, str(tmp_path / "ready"), SystemClock())
    health.start()
    yield health
    health.close()


def see(journal, root):
    """Note that a checkpoint was seen."""
    trail = Trail("tensorflow", root, ())
    trail.move(CandidateState.SEEN, 1.0)
    journal.record([trail])


def ask(health, path):
    """Return the status and the body of an answer."""
    try:
        with urllib.request.urlopen(f"http://{health.address}{path}", timeout=30.0) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def status_file(folder):
    """Return what the file says, or None while there is none."""
    path = folder / "status.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


def test_ready_is_what_was_said(health, tmp_path):
    """Not before, and not once the end was asked for; the file comes and goes with it."""
    ready = tmp_path / "ready"
    assert ask(health, "/readyz") == (503, "not ready\n")
    assert not ready.exists()
    health.ready()
    assert ask(health, "/readyz") == (200, "ready\n")
    assert ready.exists()
    health.ending()
    assert ask(health, "/readyz")[0] == 503
    wait_until(lambda: not ready.exists())
    health.ready()
    assert ask(health, "/readyz")[0] == 503
    assert not ready.exists()


def test_a_ready_file_of_an_earlier_life_is_taken_away(tmp_path):
    """An agent that was killed could not; and one that cannot be made is told of and done without."""
    ready = tmp_path / "ready"
    ready.touch()
    health = Health(None, str(ready), SystemClock())
    assert not ready.exists()
    health.start()
    health.close()
    nowhere = Health(None, str(tmp_path / "no" / "ready"), SystemClock())
    nowhere.start()
    nowhere.ready()
    nowhere.close()


def test_health_is_that_of_the_agents_threads(health, folder):
    """Well before there is an agent and while its threads live; not well when one has failed."""
    assert ask(health, "/healthz") == (200, "ok\n")
    failing = [False]
    with health.watching(folder, lambda: failing[0]):
        assert ask(health, "/healthz") == (200, "ok\n")
        failing[0] = True
        assert ask(health, "/healthz") == (503, "a thread of the agent has failed\n")
    assert status_file(folder)["healthy"] is False


def test_the_status_is_what_the_command_prints(health, folder):
    """The same object, while something is watched."""
    assert ask(health, "/status") == (503, "nothing is watched now\n")
    with health.watching(folder, lambda: False):
        code, body = ask(health, "/status")
        assert code == 200
        assert json.loads(body) == json.loads(json.dumps(status_json(read_status(folder, SystemClock()))))
        assert json.loads(body)["running"] is True


def test_the_metrics_are_those_of_the_journal(health, folder):
    """With the journal's figures while something is watched, without them otherwise."""
    assert "modelwatch_checkpoints" not in ask(health, "/metrics")[1]
    with health.watching(folder, lambda: False):
        families = {family.name: family for family in text_string_to_metric_families(ask(health, "/metrics")[1])}
        seen = {sample.labels["state"]: sample.value for sample in families["modelwatch_checkpoints"].samples}
        assert seen["SEEN"] == 1


@pytest.mark.parametrize("path", ["/metrics", "/status"])
def test_a_journal_that_is_not_there_is_said(health, tmp_path, path):
    """The agent may not have made it yet, or it is gone; nothing is made by asking."""
    with health.watching(tmp_path / "no", lambda: False):
        code, body = ask(health, path)
    assert code == 503
    assert "there is no journal" in body
    assert not (tmp_path / "no").exists()


def test_the_file_follows_the_journal(health, folder):
    """It is there soon, is replaced when something has changed, and says at the end how it ended."""
    with health.watching(folder, lambda: False):
        first = wait_until(lambda: status_file(folder))
        assert (first["ready"], first["healthy"], first["checkpoints"]) == (False, True, {"SEEN": 1})
        assert first["address"] == health.address
        with Journal(journal_path(folder), SystemClock()) as journal:
            see(journal, "model.ckpt-2")
        wait_until(lambda: status_file(folder)["checkpoints"] == {"SEEN": 2})
        health.ready()
        wait_until(lambda: status_file(folder)["ready"])
        with Journal(journal_path(folder), SystemClock()) as journal:
            journal.remember("agent", {"state": "STOPPED", "pid": 1, "since": 0.0, "why": "training ended with exit code 3"})
    assert status_file(folder)["agent"]["why"] == "training ended with exit code 3"
    assert sorted(path.name for path in folder.iterdir() if path.name.startswith(".")) == []


def test_an_agent_that_follows_another_is_told_of(health, folder, tmp_path):
    """A model path that went away and came back has another state folder."""
    with health.watching(folder, lambda: False):
        wait_until(lambda: status_file(folder))
    other = tmp_path / "other-state"
    with owned(other):
        Journal(journal_path(other), SystemClock()).close()
        with health.watching(other, lambda: False):
            assert wait_until(lambda: status_file(other))["checkpoints"] == {}


def test_a_state_folder_that_goes_away_stops_nothing(health, folder):
    """The file cannot be written any more; the answers go on."""
    with health.watching(folder, lambda: False):
        wait_until(lambda: status_file(folder))
        folder.rename(folder.with_name("gone"))
        health.ready()
        assert ask(health, "/readyz")[0] == 200
        folder.with_name("gone").rename(folder)


@pytest.mark.parametrize("asked_for", [True, False])
def test_an_address_that_is_taken_is_done_without(asked_for, monkeypatch):
    """Said once, to people only when somebody chose the address: many agents on a machine want the default."""
    said = io.StringIO()
    monkeypatch.setattr(log._LOGGER, "handlers", [])
    monkeypatch.setattr(log._LOGGER, "level", log._LOGGER.level)
    log.configure(stream=said)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        health = Health(Address("127.0.0.1", taken.getsockname()[1], asked_for=asked_for), None, SystemClock())
        assert health.address is None
        health.start()
        health.close()
    assert said.getvalue().count("Address already in use") == asked_for


@pytest.mark.parametrize("address", [None, Address("::1", 0)])
def test_other_addresses(address):
    """None at all, or IPv6 where the machine has it."""
    health = Health(address, None, SystemClock())
    health.start()
    if health.address is not None:
        assert health.address.startswith("[::1]:")
        assert ask(health, "/healthz") == (200, "ok\n")
    health.close()


def test_a_health_that_was_never_started_leaves_nothing_open():
    """A command that fails on its way closes it all the same."""
    Health(ANYWHERE, None, SystemClock()).close()
