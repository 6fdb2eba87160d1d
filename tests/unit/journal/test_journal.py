"""The journal: the commit point, the deliveries, and what SQLite itself refuses."""

from __future__ import annotations

import contextlib
import sqlite3

import pytest
from hypothesis import given
from hypothesis import strategies as st
from samples import metric, registration, stat

from modelwatch.core.entities import Receipt
from modelwatch.core.errors import StateError
from modelwatch.journal.journal import Journal
from modelwatch.journal.states import CANDIDATE_MOVES, CandidateState, DeliveryState, MoveError, all_moves, transition
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


def whole_trail(root="model.ckpt-10", *, members=None):
    """Return a trail that has come as far as SNAPSHOTTED."""
    trail = Trail("tensorflow-checkpoint", root, members or (stat(f"{root}.index"),))
    for state in (CandidateState.SEEN, CandidateState.SETTLING, CandidateState.COMPLETE, CandidateState.SNAPSHOTTED):
        trail.move(state, 1.0)
    return trail


def commit(journal, wanted, *, sinks=("a",), snapshot="s1", metrics_open=False):
    """Commit a registration with a trail of its own."""
    return journal.commit(whole_trail(wanted.root), wanted, snapshot=snapshot, base="", sinks=sinks, metrics_open=metrics_open)


def test_commit_makes_one_delivery_for_each_sink_and_journals_the_candidate(journal):
    """A commit makes the registration, its deliveries and the candidate's last move at once."""
    assert commit(journal, registration(), sinks=("a", "b")) is True
    assert [(d.sink, d.state) for d in journal.deliveries()] == [("a", DeliveryState.PENDING), ("b", DeliveryState.PENDING)]
    [row] = journal.candidates()
    assert (row.state, row.registration) == (CandidateState.JOURNALLED, registration().key)


def test_the_same_key_is_committed_once(journal):
    """A second commit of a key makes no delivery and says that it was known."""
    commit(journal, registration())
    assert commit(journal, registration(), snapshot="s2") is False
    assert len(journal.deliveries()) == 1
    assert journal.needed_snapshots() == {"s1"}


def test_a_delivery_is_claimed_once_and_releases_its_snapshot_when_the_last_sink_has_it(journal):
    """The snapshot is released by the last sink's receipt and not before."""
    commit(journal, registration(), sinks=("a", "b"))
    first, second = journal.next_delivery("a"), journal.next_delivery("b")
    assert journal.next_delivery("a") is None
    assert journal.delivered(first, Receipt("digits", "1")) is None
    assert journal.needed_snapshots() == {"s1"}
    assert journal.delivered(second, Receipt("digits", "1")) == "s1"
    assert journal.needed_snapshots() == frozenset()
    assert journal.undelivered() == {}


def test_a_postponed_delivery_waits_and_a_rejected_one_is_kept_until_it_is_retried(journal, clock):
    """Postponing keeps a delivery until its time; rejecting keeps it, with its files, until somebody asks for another try."""
    commit(journal, registration())
    journal.postpone(journal.next_delivery("a"), "no route", clock.now() + 5)
    assert journal.next_delivery("a") is None
    assert journal.next_due("a") == clock.now() + 5
    clock.advance(5)
    delivery = journal.next_delivery("a")
    assert delivery.last_error == "no route"
    journal.reject(delivery, "no such team")
    assert journal.next_due("a") is None
    assert journal.needed_snapshots() == {"s1"}
    assert journal.retry(rejected=True) == 1
    assert journal.next_delivery("a").attempts == 2


def test_what_was_being_sent_when_the_agent_died_is_sent_again(tmp_path, clock):
    """A delivery left in SENDING by a dead agent is pending for the next one."""
    with Journal(tmp_path / "j", clock) as dead:
        commit(dead, registration())
        dead.next_delivery("a")
    with Journal(tmp_path / "j", clock) as journal:
        assert journal.recover_deliveries() == 1
        assert journal.next_delivery("a") is not None


def test_an_amendment_waits_for_its_version_and_carries_all_metrics(journal):
    """An amendment is due only after its version arrived, and the registration's own body then has the new metrics as well."""
    commit(journal, registration(), metrics_open=True)
    [(waiting, _)] = journal.open_registrations()
    journal.amend(waiting, (metric(), metric("accuracy", 0.9)), metrics_open=False)
    first = journal.next_delivery("a")
    assert first.amendment is None
    assert [m.key for m in first.registration.metrics] == ["loss", "accuracy"]
    assert journal.next_delivery("a") is None
    journal.delivered(first, Receipt("digits", "1"))
    second = journal.next_delivery("a")
    assert [m.key for m in second.amendment.metrics] == ["loss", "accuracy"]
    assert journal.open_registrations() == []


def registered(journal):
    """Commit a registration and deliver it."""
    commit(journal, registration(), metrics_open=True)
    journal.delivered(journal.next_delivery("a"), Receipt("digits", "1"))


def amend(journal, *values):
    """Amend the open registration once for each value."""
    for value in values:
        [(waiting, _)] = journal.open_registrations()
        journal.amend(waiting, (metric("accuracy", value),), metrics_open=True)


def arriving(journal):
    """Deliver everything that is due; return the values of the amendments, in the order in which they were sent."""
    arrived = []
    while (delivery := journal.next_delivery("a")) is not None:
        arrived.append(delivery.amendment.metrics[0].value)
        journal.delivered(delivery, Receipt("digits", "1"))
    return arrived


def test_values_that_come_back_are_delivered_again(journal):
    """A, then B, then A: the sink must end with A, so the second A is another amendment than the first."""
    registered(journal)
    arrived = []
    for value in (0.5, 0.9, 0.5):
        amend(journal, value)
        arrived += arriving(journal)
    assert arrived == [0.5, 0.9, 0.5]
    assert len({d.amendment.key for d in journal.deliveries() if d.amendment}) == 3


def test_of_several_amendments_that_wait_only_the_last_is_sent(journal):
    """Each replaces all metrics; what became of the others is in the history."""
    registered(journal)
    amend(journal, 0.5, 0.9, 0.5)
    assert arriving(journal) == [0.5]
    superseded = [event["detail"] for event in journal.events(20) if event["to_state"] == "SUPERSEDED"]
    assert superseded == ["another delivery makes it needless"] * 2


@pytest.mark.parametrize("fate", ["postponed", "rejected", "interrupted"])
def test_an_amendment_that_was_being_sent_when_a_later_one_came_is_not_sent_after_it(journal, clock, fate):
    """Whatever became of its attempt, an older amendment that arrived last would take values back."""
    registered(journal)
    amend(journal, 0.5)
    sending = journal.next_delivery("a")
    amend(journal, 0.9)
    assert journal.next_delivery("a") is None
    if fate == "postponed":
        journal.postpone(sending, "busy", clock.now() + 60)
    elif fate == "rejected":
        journal.reject(sending, "no")
    else:
        journal.recover_deliveries()
    assert arriving(journal) == [0.9]
    journal.retry(rejected=True)
    assert arriving(journal) == []


def test_a_refused_amendment_is_not_tried_again_after_a_later_one(journal):
    """`drain --retryRejected` sends what was refused, but nothing that was known earlier than what has arrived."""
    registered(journal)
    amend(journal, 0.5)
    journal.reject(journal.next_delivery("a"), "no")
    amend(journal, 0.9)
    assert arriving(journal) == [0.9]
    assert journal.retry(rejected=True) == 0


def test_what_a_sink_has_not_got_can_be_redirected_to_another(journal):
    """Versions that wait or were refused go with their amendments; what has arrived stays, and so do its amendments."""
    arrived, waiting, refused = (registration(root) for root in ("arrived", "waiting", "refused"))
    for wanted in (arrived, refused, waiting):
        commit(journal, wanted, sinks=("typo",), snapshot=wanted.root, metrics_open=True)
    journal.delivered(journal.next_delivery("typo"), Receipt("digits", "1"))
    journal.reject(journal.next_delivery("typo"), "no")
    for wanted in (arrived, waiting):
        journal.amend(wanted, (metric("accuracy", 0.9),), metrics_open=False)
    assert journal.redirect("right") == {"typo": 3}
    assert journal.undelivered() == {"right": 3, "typo": 1}
    came = []
    while (delivery := journal.next_delivery("right")) is not None:
        came.append((delivery.registration.root, delivery.amendment is not None, delivery.snapshot))
        journal.delivered(delivery, Receipt("digits", "1"))
    assert came == [("refused", False, "refused"), ("waiting", False, "waiting"), ("waiting", True, None)]
    assert journal.needed_snapshots() == frozenset()
    assert "redirected from typo" in [event["detail"] for event in journal.events(50)]


def test_a_version_that_the_right_sink_has_is_not_redirected_a_second_time(journal):
    """Of a version for two sinks nothing is left when one of them has it and the other is given up."""
    commit(journal, registration(), sinks=("typo", "right"))
    journal.delivered(journal.next_delivery("right"), Receipt("digits", "1"))
    assert journal.redirect("right") == {}
    assert journal.undelivered() == {}
    assert journal.needed_snapshots() == frozenset()


def test_the_database_refuses_a_move_that_the_state_machine_does_not_have(journal, tmp_path):
    """A trigger refuses what the tables of moves do not allow, whoever asks."""
    commit(journal, registration())
    with (
        contextlib.closing(sqlite3.connect(tmp_path / "journal.sqlite3")) as raw,
        pytest.raises(sqlite3.IntegrityError, match="move not allowed"),
    ):
        raw.execute("UPDATE deliveries SET state = 'DELIVERED', receipt = '{}'")


def test_every_move_is_kept_in_the_events(journal):
    """The history shows each state that a candidate passed."""
    commit(journal, registration())
    states = [event["to_state"] for event in journal.events(100) if event["machine"] == "candidate"]
    assert states[::-1] == ["SEEN", "SETTLING", "COMPLETE", "SNAPSHOTTED", "JOURNALLED"]


def test_a_detour_that_nobody_was_told_of_is_not_written(journal):
    """A file that is appended to all day is written down once for each telling, as it is then, and not once for each look."""
    trail = Trail("custom", "train.csv", (stat("train.csv"),))
    trail.move(CandidateState.SEEN, 1.0)
    for at in (2.0, 3.0, 4.0):
        trail.move(CandidateState.SETTLING, at)
        trail.move(CandidateState.CHANGED, at, "written to")
        trail.move(CandidateState.SEEN, at, "written to")
    journal.record([trail])
    [row] = journal.candidates()
    assert (row.state, row.reason, row.moved) == (CandidateState.SEEN, "written to", 4.0)
    assert len(list(journal.events(10))) == 1
    trail.move(CandidateState.SETTLING, 5.0)
    journal.record([trail])
    assert [event["to_state"] for event in journal.events(10)] == ["SETTLING", "SEEN"]


def test_an_unfinished_candidate_of_a_dead_agent_is_gone_and_its_reason_is_shown(journal):
    """What an agent had not finished when it died is closed with a reason; a scan finds it anew."""
    trail = Trail("onnx", "m.onnx", (stat("m.onnx"),))
    trail.move(CandidateState.SEEN, 1.0)
    journal.record([trail])
    assert journal.abandon_unfinished("stopped") == 1
    [row] = journal.candidates()
    assert (row.state, row.reason) == (CandidateState.GONE, "stopped")


def test_names_that_are_not_utf8_survive(journal):
    """A file name with bytes that are not UTF-8 comes back the same."""
    root = b"w\xff\xfe".decode("utf-8", "surrogateescape")
    trail = Trail("custom", root, (stat(root),))
    trail.move(CandidateState.SEEN, 1.0, "waiting")
    journal.record([trail])
    [row] = journal.candidates()
    assert (row.root, row.members[0].path) == (root, root)


def test_a_foreign_database_is_left_alone(tmp_path, clock):
    """A database that is not a journal is refused and not changed."""
    path = tmp_path / "journal.sqlite3"
    with sqlite3.connect(path) as raw:
        raw.execute("CREATE TABLE theirs (x)")
    raw.close()
    before = path.read_bytes()
    with pytest.raises(StateError, match="not a journal"):
        Journal(path, clock)
    assert path.read_bytes() == before


def test_a_journal_of_a_newer_version_is_refused(tmp_path, clock):
    """A journal written by a newer modelwatch is not touched."""
    path = tmp_path / "journal.sqlite3"
    Journal(path, clock).close()
    with sqlite3.connect(path) as raw:
        raw.execute("PRAGMA user_version = 99")
    raw.close()
    with pytest.raises(StateError, match="newer modelwatch"):
        Journal(path, clock)


def test_bytes_that_are_no_database_are_a_clear_error(tmp_path, clock):
    """A damaged file is a StateError, not a traceback of SQLite."""
    path = tmp_path / "journal.sqlite3"
    path.write_bytes(b"not a database at all" * 100)
    with pytest.raises(StateError, match="cannot use the journal"):
        Journal(path, clock)


@given(old=st.sampled_from(CandidateState), new=st.sampled_from(CandidateState))
def test_transition_and_the_rows_of_moves_agree(old, new):
    """`transition` allows exactly what the database's table of moves allows."""
    allowed = ("candidate", old.value, new.value) in all_moves()
    if allowed:
        assert transition(old, new) is new
    else:
        with pytest.raises(MoveError):
            transition(old, new)
    assert allowed == (new in CANDIDATE_MOVES[old])
