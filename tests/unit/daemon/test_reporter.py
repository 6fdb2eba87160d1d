"""When a sink is told how the training goes on, and what becomes of it when it will not listen."""

from __future__ import annotations

import threading

import pytest
import samples
from memory_sink import MemorySink

from modelwatch.core.entities.run_report import REPORT_SECONDS
from modelwatch.core.errors import PermanentError, StateError, TransientError
from modelwatch.daemon.publisher import Publisher
from modelwatch.daemon.reporter import Reporter
from modelwatch.journal.journal import Journal
from modelwatch.journal.states import CandidateState
from modelwatch.journal.trail import Trail
from modelwatch.snapshot.store import SnapshotStore
from modelwatch.testing.clock import FakeClock
from modelwatch.testing.sink_contract import make_report


class Reports:
    """What there is to tell, as the test says: a number that is the last step."""

    def __init__(self):
        self.news = 10
        self.silent = False
        self.has_ended = False
        self.busy = False
        self.made = 0
        self.failure = None

    def is_busy(self):
        """Return whether checkpoints wait."""
        return self.busy

    def mark(self, _journal):
        """Return the news."""
        return (self.news, 0)

    def make(self, _journal, _sink, interrupted):
        """Return a report of the news."""
        self.made += 1
        if self.failure is not None:
            raise self.failure
        return None if self.silent or interrupted() else make_report(last_step=self.news)


class Bench:
    """A reporter over a sink and a clock that the test moves."""

    def __init__(self, journal, clock, folder):
        self.clock = clock
        self.sink, self.reports = MemorySink(), Reports()
        self.publisher = Publisher(journal, self.sink, SnapshotStore(folder), clock, lambda _delivery, _receipt: None)
        self.reporter = Reporter(self.reports, self.publisher)

    def tell(self, after_seconds=5.0, *, interrupted=False):
        """Let time pass and tell; return the steps that the sink has been told of so far."""
        self.clock.advance(after_seconds)
        self.reporter.tell(lambda: interrupted)
        return [report.last_step for report in self.sink.reports]


@pytest.fixture
def bench(tmp_path):
    """A bench whose sink listens and whose reports cost nothing but what is real."""
    clock = FakeClock()
    with Journal(tmp_path / "journal.sqlite3", clock) as journal:
        yield Bench(journal, clock, tmp_path / "snapshots")


def told(bench):
    """Return how often the sink was told."""
    return len(bench.sink.reports)


def test_reports_are_seconds_apart(bench):
    """The first is not told at once either: the first checkpoint comes first."""
    bench.tell(0.0)
    assert told(bench) == 0
    bench.tell(5.0)
    assert told(bench) == 1
    bench.reports.news = 20
    bench.tell(1.0)
    assert told(bench) == 1
    assert 0.0 < bench.reporter.due_seconds() <= 4.0 + 1.0
    bench.tell(5.0)
    assert told(bench) == 2
    assert bench.sink.reports[-1].updated == 1020.0


def test_without_news_nothing_is_made_or_told(bench):
    """Until so much time has passed that silence would be taken for death."""
    for _ in range(10):
        bench.tell()
    assert (told(bench), bench.reports.made) == (1, 1)
    bench.tell(REPORT_SECONDS)
    assert told(bench) == 2


def test_a_delivery_is_news(bench):
    """The journal's own thread does not see in the journal what it has written itself."""
    trail = Trail("tensorflow-checkpoint", "a", (samples.stat("a.index"),))
    for state in (CandidateState.SEEN, CandidateState.SETTLING, CandidateState.COMPLETE, CandidateState.SNAPSHOTTED):
        trail.move(state, 1.0)
    journal = bench.publisher.journal
    journal.commit(trail, samples.registration("a"), snapshot=None, base="", sinks=[bench.sink.name], metrics_open=False)
    bench.tell()
    bench.tell()
    assert told(bench) == 1
    assert bench.publisher.publish_due(threading.Event()) == 1
    bench.tell()
    assert told(bench) == 2


def test_what_was_interrupted_is_told_soon(bench):
    """Something is to be delivered: nothing is told, and little time is lost."""
    bench.tell(interrupted=True)
    assert told(bench) == 0
    assert 0.0 < bench.reporter.due_seconds() < 5.0
    bench.tell(bench.reporter.due_seconds())
    assert told(bench) == 1


def test_checkpoints_that_wait_to_be_registered_come_first(bench):
    """Nothing is told until there are none, but how it ended."""
    bench.reports.busy = True
    for _ in range(5):
        bench.tell()
    assert told(bench) == 0
    bench.reports.has_ended = True
    bench.reporter.tell_the_end(lambda: False)
    assert told(bench) == 1


def test_nothing_to_tell_yet_is_asked_for_again(bench):
    """A training that has neither logged nor saved anything."""
    bench.reports.silent = True
    bench.tell()
    assert bench.reporter.due_seconds() > 0.0
    bench.reports.silent = False
    bench.tell()
    assert told(bench) == 1


@pytest.mark.parametrize(("took_seconds", "apart_seconds"), [(3.0, 30.0), (1000.0, REPORT_SECONDS)])
def test_a_costly_report_is_told_less_often(bench, took_seconds, apart_seconds):
    """What takes long to make takes a small part of the time all the same, but is not put off until the run seems dead."""
    make = bench.reports.make

    def slow(*arguments):
        bench.clock.advance(took_seconds)
        return make(*arguments)

    bench.reports.make = slow
    bench.tell()
    assert bench.reporter.due_seconds() == pytest.approx(apart_seconds)


def test_a_repository_that_says_when_to_come_again_is_obeyed(bench):
    """A server that is busy names the time."""
    bench.sink.unreachable = TransientError("busy", retry_after_seconds=120.0)
    bench.tell()
    assert bench.reporter.due_seconds() == pytest.approx(120.0)


@pytest.mark.parametrize("failure", [TransientError("away"), OSError(28, "no space left"), MemoryError(), StateError("damaged")])
def test_a_sink_that_fails_for_now_is_told_later_what_is_new_then(bench, failure):
    """No report is kept: the one that arrives is the newest."""
    bench.sink.unreachable = failure
    bench.tell()
    bench.reports.news = 50
    assert bench.reporter.due_seconds() >= 5.0
    bench.sink.unreachable = None
    bench.tell(bench.reporter.due_seconds())
    assert [report.updated for report in bench.sink.reports] == [1050.0]


def test_failures_are_ever_farther_apart(bench):
    """Up to the time at which a run that says nothing would be shown as silent."""
    bench.sink.unreachable = TransientError("away")
    waits = []
    for _ in range(40):
        bench.tell(bench.reporter.due_seconds())
        waits.append(bench.reporter.due_seconds())
    assert min(waits) >= 5.0
    assert max(waits[-10:]) > 20.0
    assert max(waits) <= REPORT_SECONDS


@pytest.mark.parametrize("failure", [PermanentError("no such thing"), TypeError("unexpected"), AttributeError("report")])
def test_a_sink_that_takes_no_reports_is_told_no_more(bench, messages, failure):
    """A repository of an older version, or a plug-in with a mistake: said once, and versions are registered all the same."""
    bench.sink.unreachable = failure
    for _ in range(3):
        bench.tell(60.0)
    bench.reports.has_ended = True
    bench.reporter.tell_the_end(lambda: False)
    assert bench.reports.made == 1
    assert bench.reporter.due_seconds() > 0.0
    assert messages == ["runs are not reported: versions are registered without"]


def test_a_mistake_of_ours_stops_the_reports_and_nothing_else(bench, messages):
    """Whatever goes wrong in making a report does not end the publisher's thread."""
    bench.reports.failure = ValueError("a report of no run")
    bench.tell()
    bench.tell()
    assert (bench.reports.made, len(messages)) == (1, 1)


def test_the_end_is_told_at_once(bench):
    """Without waiting for the next time, with or without news."""
    bench.tell()
    bench.reports.has_ended = True
    bench.reporter.tell_the_end(lambda: False)
    assert told(bench) == 2


def test_what_has_not_ended_is_not_told_at_the_end(bench):
    """An agent that gives up leaves the run as one that goes on: another agent may take it up."""
    bench.reporter.tell_the_end(lambda: False)
    assert told(bench) == 0
