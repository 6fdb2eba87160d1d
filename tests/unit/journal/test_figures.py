"""The journal in a few numbers."""

import sqlite3

import pytest
from samples import registration, stat

from modelwatch.core.entities import Receipt
from modelwatch.core.errors import StateError
from modelwatch.journal.figures import read_change_mark, read_figures
from modelwatch.journal.journal import Journal
from modelwatch.journal.states import CandidateState
from modelwatch.journal.trail import Trail
from modelwatch.testing.clock import FakeClock


@pytest.fixture
def clock():
    """A clock that stands still unless a test moves it."""
    return FakeClock()


@pytest.fixture
def journal(tmp_path, clock):
    """An empty journal."""
    with Journal(tmp_path / "journal.sqlite3", clock) as opened:
        yield opened


def commit(journal, wanted):
    """Commit a registration for two sinks, with a trail of its own."""
    trail = Trail("tensorflow-checkpoint", wanted.root, (stat(f"{wanted.root}.index"),))
    for state in (CandidateState.SEEN, CandidateState.SETTLING, CandidateState.COMPLETE, CandidateState.SNAPSHOTTED):
        trail.move(state, 1.0)
    journal.commit(trail, wanted, snapshot="s1", base="", sinks=("a", "b"), metrics_open=False)


def test_an_empty_journal_has_no_figures(journal):
    """Nothing is counted, and nothing has ever succeeded or failed."""
    figures = journal.figures()
    assert (figures.checkpoints, figures.deliveries) == ({}, {})
    assert (figures.waiting_since, figures.last_success, figures.last_error) == (None, None, "")


def test_a_version_waits_from_its_commit_until_every_sink_has_it(journal, clock):
    """Its age is that of the version, however often it was tried."""
    committed = clock.now()
    commit(journal, registration())
    clock.advance(10.0)
    journal.postpone(journal.next_delivery("a"), "the disk is full", clock.now() + 1.0)
    figures = journal.figures()
    assert figures.checkpoints == {"JOURNALLED": 1}
    assert figures.deliveries == {("a", "PENDING"): 1, ("b", "PENDING"): 1}
    assert (figures.waiting_since, figures.last_success, figures.last_error) == (committed, None, "the disk is full")
    clock.advance(10.0)
    journal.delivered(journal.next_delivery("a"), Receipt("digits", "1"))
    assert journal.figures().waiting_since == committed
    clock.advance(10.0)
    journal.delivered(journal.next_delivery("b"), Receipt("digits", "1"))
    figures = journal.figures()
    assert figures.deliveries == {("a", "DELIVERED"): 1, ("b", "DELIVERED"): 1}
    assert (figures.waiting_since, figures.last_success, figures.last_error) == (None, clock.now(), "")


def test_what_was_refused_does_not_wait(journal):
    """It is kept and counted; nobody sends it any more."""
    commit(journal, registration())
    for sink in ("a", "b"):
        journal.reject(journal.next_delivery(sink), "no")
    figures = journal.figures()
    assert figures.deliveries == {("a", "REJECTED"): 1, ("b", "REJECTED"): 1}
    assert (figures.waiting_since, figures.last_error) == (None, "no")


def test_the_mark_changes_with_what_others_commit(journal, tmp_path, clock):
    """Somebody who keeps a journal open knows without reading whether there is anything new."""
    mark = journal.change_mark()
    assert journal.change_mark() == mark
    with Journal(tmp_path / "journal.sqlite3", clock) as other:
        other.remember("agent", {"state": "WATCHING"})
    assert journal.change_mark() != mark


@pytest.mark.parametrize("read", [read_figures, read_change_mark])
def test_a_database_that_is_not_a_journal_is_said(tmp_path, read):
    """As StateError, which everybody expects of the journal."""
    path = tmp_path / "journal.sqlite3"
    path.write_bytes(b"not a database, and long enough to be taken for one " * 100)
    connection = sqlite3.connect(path)
    with pytest.raises(StateError):
        read(connection)
    connection.close()
