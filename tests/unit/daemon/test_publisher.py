"""The publisher: what is tried when, in which order it arrives, and what becomes of what does not."""

from __future__ import annotations

import contextlib
import errno
import threading

import pytest
import samples
from memory_sink import MemorySink

from modelwatch.core.entities import Receipt
from modelwatch.core.errors import PermanentError, StateError, TransientError
from modelwatch.daemon.publisher import Publisher
from modelwatch.journal.journal import Journal
from modelwatch.journal.states import CandidateState, DeliveryState
from modelwatch.journal.trail import Trail
from modelwatch.snapshot.store import SnapshotStore
from modelwatch.testing.clock import FakeClock

GO_ON = threading.Event()


class Bench:
    """A journal, a sink that fails as it is told, and a clock that the test moves."""

    def __init__(self, journal, sink, folder):
        self.clock = FakeClock()
        self.journal = journal
        self.sink = sink
        self.told = []
        self.publisher = Publisher(journal, sink, SnapshotStore(folder), self.clock, lambda delivery, _: self.told.append(delivery))

    def register(self, *roots):
        """Journal a version for each root."""
        for root in roots:
            trail = Trail("tensorflow-checkpoint", root, (samples.stat(f"{root}.index"),))
            for state in (CandidateState.SEEN, CandidateState.SETTLING, CandidateState.COMPLETE, CandidateState.SNAPSHOTTED):
                trail.move(state, 1.0)
            body = samples.registration(root, content=root.encode())
            self.journal.commit(trail, body, snapshot=None, base="", sinks=[self.sink.name], metrics_open=True)

    def publish(self, after_seconds=0.0):
        """Let time pass and publish what is due; return how many arrived."""
        self.clock.advance(after_seconds)
        return self.publisher.publish_due(GO_ON)

    def states(self):
        """Return the state of each delivery, oldest first."""
        return [delivery.state for delivery in self.journal.deliveries()]


@pytest.fixture
def bench(tmp_path):
    """A bench whose sink works."""
    clock = FakeClock()
    with Journal(tmp_path / "journal.sqlite3", clock) as journal:
        bench = Bench(journal, MemorySink(), tmp_path / "snapshots")
        bench.clock = clock
        bench.publisher.clock = clock
        yield bench


def test_an_outage_changes_nothing_about_the_order(bench):
    """What came during the outage waits behind what came before it: version numbers follow the training."""
    bench.sink.unreachable = TransientError("the network is down")
    bench.register("a")
    assert bench.publish() == 0
    bench.register("b", "c")
    for _ in range(6):
        bench.publish(after_seconds=120.0)
    bench.sink.unreachable = None
    assert bench.publish(after_seconds=120.0) == 3
    assert bench.sink.roots == ["a", "b", "c"]


def test_while_the_sink_fails_only_the_oldest_is_tried(bench):
    """A far side that is down is asked once a round, not once for each checkpoint."""
    bench.sink.unreachable = TransientError("the network is down")
    bench.register("a", "b", "c")
    bench.publish()
    assert bench.sink.asked == ["a"]
    assert bench.publisher.due_seconds() > 0


def test_one_that_fails_again_and_again_lets_the_others_pass(bench):
    """It may be the trouble itself; everything else must not wait for ever."""
    bench.register("poison")
    for _ in range(8):
        bench.sink.failures.append(TransientError("a mistake of the far side"))
        bench.publish(after_seconds=120.0)
    bench.sink.failures.append(TransientError("a mistake of the far side"))
    bench.register("b")
    assert bench.publish(after_seconds=120.0) == 1
    assert bench.sink.roots == ["b"]


def test_the_far_sides_own_wish_to_wait_is_kept(bench):
    """With a time to retry after nothing is sent before it."""
    bench.sink.failures.append(TransientError("too many requests", retry_after_seconds=300.0))
    bench.register("a", "b")
    bench.publish()
    assert bench.publisher.due_seconds() == pytest.approx(300.0)
    assert bench.publish(after_seconds=299.0) == 0
    assert bench.publish(after_seconds=2.0) == 2


@pytest.mark.parametrize("failure", [PermanentError("the name is not allowed"), RuntimeError("a mistake in the sink")])
def test_a_refusal_is_kept_with_its_reason_and_stops_nobody(bench, failure):
    """A permanent error, or a sink's own mistake, costs that version alone; nothing is thrown away."""
    bench.sink.failures.append(failure)
    bench.register("a", "b")
    assert bench.publish() == 1
    first, _ = bench.journal.deliveries()
    assert first.state is DeliveryState.REJECTED
    assert str(failure) in first.last_error
    assert bench.publisher.due_seconds() is None
    assert bench.journal.retry(rejected=True) == 1
    assert bench.publish() == 1
    assert bench.sink.roots == ["b", "a"]


@pytest.mark.parametrize("failure", [OSError(errno.EMFILE, "Too many open files"), MemoryError()])
def test_the_machines_own_trouble_refuses_nothing(bench, failure):
    """No descriptors, no memory, a disk that fails: the version is tried again by itself."""
    bench.sink.failures.append(failure)
    bench.register("a")
    assert bench.publish() == 0
    assert bench.states() == [DeliveryState.PENDING]
    assert bench.publish(after_seconds=120.0) == 1


def test_an_amendment_of_a_refused_version_waits_without_being_due(bench):
    """It is not counted as left, does not keep the publisher busy, and follows when the version is accepted after all."""
    bench.sink.failures.append(PermanentError("refused"))
    bench.register("a")
    bench.publish()
    [(registration, _)] = bench.journal.open_registrations()
    bench.journal.amend(registration, (samples.metric(),), metrics_open=False)
    assert bench.publisher.due_seconds() is None
    assert bench.journal.undelivered() == {}
    bench.journal.retry(rejected=True)
    assert bench.publish() == 2
    assert bench.sink.amended == [registration.key]


def test_an_amendment_behind_a_version_that_is_tried_again_later_is_not_due(bench):
    """Or the publisher would ask again at once, and for ever, while the version alone waits for its time."""
    bench.register("poison")
    for _ in range(9):
        bench.sink.failures.append(TransientError("a mistake of the far side"))
        bench.publish(after_seconds=120.0)
    [(registration, _)] = bench.journal.open_registrations()
    bench.journal.amend(registration, (samples.metric(),), metrics_open=False)
    assert bench.publish() == 0
    assert bench.publisher.due_seconds() > 0.0
    assert bench.publish(after_seconds=120.0) == 2


def test_an_answer_that_could_not_be_written_down_is_asked_for_again(bench, monkeypatch):
    """The disk is full at the worst moment: the same key brings the same receipt, and one version."""
    bench.register("a")

    def full(_delivery, _receipt: Receipt):
        raise StateError("the disk is full")

    with monkeypatch.context() as patched:
        patched.setattr(bench.journal, "delivered", full)
        with contextlib.suppress(StateError):
            bench.publish()
    assert bench.states() == [DeliveryState.SENDING]
    assert bench.journal.recover_deliveries(bench.sink.name) == 1
    assert bench.publish() == 1
    assert bench.sink.roots == ["a"]
    assert bench.sink.asked == ["a", "a"]


def test_what_is_wrong_with_the_sink_is_said_once_before_anything_is_delivered(bench, messages):
    """One warning when it starts, none for each attempt, and one line when it works again."""
    bench.sink.unreachable = TransientError("not ours", hint="choose another")
    bench.publisher.greet()
    bench.register("a")
    bench.publish()
    bench.publish(after_seconds=120.0)
    bench.sink.unreachable = None
    bench.publish(after_seconds=120.0)
    assert [message.partition(";")[0] for message in messages] == ["cannot register now", "registering works again"]
