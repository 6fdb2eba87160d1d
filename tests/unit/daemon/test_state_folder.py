"""Where the journal is, for who writes it and for who reads it."""

import contextlib
from pathlib import Path

import pytest

from modelwatch.core.errors import NotFoundError, StateError
from modelwatch.daemon import state_folder as module
from modelwatch.daemon.state_folder import is_held, journal_path, known_state_folder, owned, state_folder


@pytest.fixture
def models(tmp_path):
    """An empty model path."""
    folder = tmp_path / "models"
    folder.mkdir()
    return folder


@pytest.fixture
def read_only(monkeypatch):
    """Return a function that takes the right to write away from everybody, root included: the system's answer is the fake."""

    def take_away():
        access = module.os.access
        monkeypatch.setattr(module.os, "access", lambda path, mode: mode == module.os.F_OK and access(path, mode))

    return take_away


def with_journal(folder: Path) -> Path:
    """Put something where the journal is."""
    folder.mkdir(parents=True, exist_ok=True)
    journal_path(folder).touch()
    return folder


def test_it_is_in_the_model_path_where_that_can_be_written(models):
    """On the same file system, so that snapshots cost nothing."""
    assert state_folder(str(models), None) == models / ".modelwatch"


def test_it_is_outside_a_model_path_that_cannot_be_written(models, read_only):
    """A folder of the user's own, the same however the model path is written."""
    read_only()
    outside = state_folder(str(models), None)
    assert models not in outside.parents
    assert state_folder(f"{models}/../models", None) == outside


def test_a_journal_outside_stays_in_use_when_the_model_path_becomes_writable(models, read_only, monkeypatch):
    """A second journal would register everything twice."""
    with monkeypatch.context():
        read_only()
        outside = with_journal(state_folder(str(models), None))
        monkeypatch.undo()
        monkeypatch.setattr(module, "_outside", lambda _root: outside)
        assert state_folder(str(models), None) == outside


def test_who_may_only_read_finds_the_journal_of_who_wrote_it(models, read_only):
    """`modelwatch status` by another user than the training's."""
    inside = with_journal(models / ".modelwatch")
    read_only()
    assert known_state_folder(str(models), None) == inside


def test_nothing_watched_yet_says_so(models):
    """With the place that was looked at; nothing is made."""
    with pytest.raises(NotFoundError, match="nothing has been watched yet"):
        known_state_folder(str(models), None)
    with pytest.raises(NotFoundError, match="does not exist"):
        known_state_folder(f"{models}/missing", None)
    assert list(models.iterdir()) == []


def test_the_model_path_is_never_made(tmp_path):
    """It vanished between the look for it and ours for the state folder."""
    with pytest.raises(StateError, match="cannot make the state folder"), owned(tmp_path / "gone" / ".modelwatch"):
        pass
    assert not (tmp_path / "gone").exists()


def test_looking_whether_an_agent_runs_never_refuses_one_that_starts(models, monkeypatch):
    """Whoever looks holds nothing that an agent needs to begin."""
    folder = models / ".modelwatch"
    with owned(folder):
        assert is_held(folder)
    locked = module.locked

    @contextlib.contextmanager
    def with_an_agent_that_starts(path, **how):
        with locked(path, **how), locked(folder / "lock", wait=False):
            yield

    monkeypatch.setattr(module, "locked", with_an_agent_that_starts)
    assert not is_held(folder)
