"""What became of the checkpoints of a training."""

from __future__ import annotations

import pytest
from samples import registration, stat

from modelwatch.core.entities import CheckpointState, Receipt
from modelwatch.journal.journal import Journal
from modelwatch.journal.states import CandidateState
from modelwatch.journal.trail import Trail
from modelwatch.testing.clock import FakeClock


@pytest.fixture
def journal(tmp_path):
    """An empty journal whose clock stands still."""
    with Journal(tmp_path / "journal.sqlite3", FakeClock(500.0)) as opened:
        yield opened


def see(journal, root, *, at=100.0, state=CandidateState.SEEN, reason=""):
    """Record that a candidate was seen, and then went on to another state."""
    trail = Trail("keras", root, (stat(root),))
    trail.move(CandidateState.SEEN, at)
    if state is not CandidateState.SEEN:
        trail.move(state, at + 1.0, reason)
    journal.record([trail])


def commit(journal, wanted, *, sinks=("a", "b")):
    """Commit a registration of a candidate that was seen at 200."""
    trail = Trail(wanted.format, wanted.root, (stat(f"{wanted.root}.index"),), step=wanted.step, epoch=3)
    for state in (CandidateState.SEEN, CandidateState.SETTLING, CandidateState.COMPLETE, CandidateState.SNAPSHOTTED):
        trail.move(state, 200.0)
    journal.commit(trail, wanted, snapshot=None, base="", sinks=sinks, metrics_open=False)


def roots(journal, **options):
    """Return the names of the checkpoints."""
    return [checkpoint.root for checkpoint in journal.outcomes("a", **{"since": 0.0, "limit": 10} | options)]


def test_each_checkpoint_tells_its_state_and_why(journal):
    """Waiting, lost, foreign: with the journal's words and times, names that are not UTF-8 too."""
    see(journal, "a.keras")
    see(journal, "\udcff.keras", state=CandidateState.GONE, reason="removed before it was copied")
    assert journal.outcomes("a", since=0.0, limit=10) == (
        CheckpointState("a.keras", "keras", "SEEN", "", 100.0, 100.0),
        CheckpointState("\udcff.keras", "keras", "GONE", "removed before it was copied", 100.0, 101.0),
    )


def test_a_registered_checkpoint_has_the_number_that_the_sink_gave_it(journal):
    """Each sink numbers by itself; before it has answered there is no number."""
    wanted = registration()
    commit(journal, wanted)
    before = journal.outcomes("a", since=0.0, limit=10)
    assert before == (
        CheckpointState(wanted.root, "tensorflow-checkpoint", "JOURNALLED", "", 200.0, 500.0, 10, 3, wanted.key, None),
    )
    journal.delivered(journal.next_delivery("b"), Receipt("digits", "7"))
    assert journal.outcomes("a", since=0.0, limit=10) == before
    journal.delivered(journal.next_delivery("a"), Receipt("digits", "4"))
    assert [journal.outcomes(sink, since=0.0, limit=10)[0].version for sink in ("a", "b", "c")] == [4, 7, None]


def test_a_version_that_is_no_number_is_none(journal):
    """A sink may call its versions what it likes; the registration's key tells which it is."""
    commit(journal, registration(), sinks=("a",))
    journal.delivered(journal.next_delivery("a"), Receipt("digits", "v1.2"))
    [checkpoint] = journal.outcomes("a", since=0.0, limit=10)
    assert (checkpoint.version, checkpoint.registration) == (None, registration().key)


def test_the_newest_are_told_oldest_first(journal):
    """As many as there is room for."""
    for number in range(5):
        see(journal, f"{number}.keras")
    assert roots(journal, limit=3) == ["2.keras", "3.keras", "4.keras"]


def test_those_of_an_earlier_training_are_left_out(journal):
    """Also one that the new agent has moved since."""
    see(journal, "old.keras", at=100.0)
    see(journal, "new.keras", at=300.0)
    journal.abandon_unfinished("the agent was stopped before it was done")
    assert roots(journal, since=250.0) == ["new.keras"]
