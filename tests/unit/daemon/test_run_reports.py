"""What an agent tells of its training."""

from __future__ import annotations

import pytest
from samples import stat

from modelwatch.core.entities import Lifetime, Provenance, RunState, Storage
from modelwatch.daemon.origin import Origin
from modelwatch.daemon.registrar import Identity
from modelwatch.daemon.run_reports import RunReports
from modelwatch.journal.journal import Journal
from modelwatch.journal.states import CandidateState
from modelwatch.journal.trail import Trail
from modelwatch.scalars.logdir import LogDirectories
from modelwatch.testing.clock import FakeClock
from modelwatch.testing.event_writer import EventWriter

LINEAGE = {"command": "python train.py --api-key ***", "environment": {"LEARNING_RATE": "0.1"}, "git": {"sha": "abc"}}


def identity(**metadata):
    """Return what every registration of the agent tells."""
    provenance = Provenance("run-1", "e1", "p1", "trainer")
    return Identity("default", "digits", provenance, Lifetime.PERMANENT, Storage.COPY, "/models", "", metadata)


class Bench:
    """Event files, a journal, and reports of both."""

    def __init__(self, folder, journal, clock, origin):
        self.folder, self.journal = folder, journal
        self.logs = LogDirectories([str(folder)])
        self.reports = RunReports(self.logs, origin, clock, lambda: False)

    def log(self, wall_time, **values):
        """Log values at step 1."""
        EventWriter(self.folder / "events.out.tfevents.1000.host", 1000.0).scalars(wall_time, 1, **values)
        self.logs.poll(walk=True)

    def see(self, *roots, at=1000.0, reason=""):
        """Have the journal know of checkpoints."""
        trails = [Trail("keras", root, (stat(root),)) for root in roots]
        for trail in trails:
            trail.move(CandidateState.SEEN, at, reason)
        self.journal.record(trails)

    def make(self):
        """Return the report for one sink."""
        return self.reports.make(self.journal, "memory:here", lambda: False)


@pytest.fixture
def bench(tmp_path):
    """Return a function that makes a bench of a training of which so much is known."""
    clock = FakeClock(5000.0)
    with Journal(tmp_path / "journal.sqlite3", clock) as journal:
        yield lambda **origin: Bench(tmp_path, journal, clock, Origin(**{"run": "run-1", "watched": 0.0} | origin))


def test_a_report_has_all_that_is_known(bench):
    """Names, times, where it runs, the command and the hyperparameters as the lineage has them, curves and checkpoints."""
    made = bench()
    made.reports.know(identity(lineage=LINEAGE))
    made.log(2000.0, loss=0.5)
    made.see("a.keras", at=3000.0)
    report = made.make()
    assert (report.team, report.model, report.run, report.state) == ("default", "digits", "run-1", RunState.TRAINING)
    assert (report.host, report.experiment, report.project) == ("trainer", "e1", "p1")
    assert (report.command, report.hyperparameters) == ("python train.py --api-key ***", {"LEARNING_RATE": "0.1"})
    assert (report.started, report.updated, report.reason) == (2000.0, 5000.0, "")
    assert [series.key for series in report.series] == ["loss"]
    assert [checkpoint.root for checkpoint in report.checkpoints] == ["a.keras"]


def test_there_is_no_report_before_there_is_something_to_tell(bench):
    """Neither while nobody knows whose training it is, nor while nothing was logged and nothing saved."""
    made = bench()
    made.see("a.keras")
    assert made.make() is None
    made.reports.know(identity())
    assert made.make().checkpoints
    empty = bench(watched=2000.0)
    empty.reports.know(identity())
    assert empty.make() is None


def test_a_training_whose_beginning_is_known_has_what_came_after_it(bench):
    """What an earlier training of the same folder logged and saved is not its own."""
    made = bench(command=("python",), began=3000.0, watched=3000.0)
    made.reports.know(identity())
    made.log(2000.0, loss=0.5)
    made.log(3001.0, accuracy=0.5)
    made.see("old.keras", at=2000.0)
    made.see("new.keras", at=3000.5)
    report = made.make()
    assert report.started == 3000.0
    assert [series.key for series in report.series] == ["accuracy"]
    assert [checkpoint.root for checkpoint in report.checkpoints] == ["new.keras"]


def test_once_it_has_ended_the_report_says_so_and_why(bench):
    """With the reason that the agent has."""
    made = bench()
    made.reports.know(identity())
    made.log(2000.0, loss=0.5)
    assert not made.reports.has_ended
    made.reports.end("exit code 0")
    report = made.make()
    assert (made.reports.has_ended, report.state, report.reason) == (True, RunState.ENDED, "exit code 0")


def test_long_reasons_are_cut_and_too_many_long_names_leave_the_newest(bench):
    """However long paths are, a report has its bounds."""
    made = bench()
    made.reports.know(identity())
    made.see(*(f"{number:04d}{'x' * 3996}" for number in range(60)), reason="y" * 400)
    checkpoints = made.make().checkpoints
    assert {checkpoint.reason for checkpoint in checkpoints} == {"y" * 300 + "…"}
    assert [int(checkpoint.root[:4]) for checkpoint in checkpoints] == list(range(14, 60))


def test_a_lineage_of_another_version_of_the_program_does_no_harm(bench):
    """What is not understood is not told."""
    made = bench()
    made.reports.know(identity(lineage={"environment": ["LEARNING_RATE"], "command": None}))
    made.see("a.keras")
    assert (made.make().command, made.make().hyperparameters) == (None, {})


def test_the_mark_moves_with_the_event_files_and_with_the_journal(bench, tmp_path):
    """Nothing new is the same mark; a value is another, and so is what another thread wrote down."""
    made = bench()
    marks = [made.reports.mark(made.journal), made.reports.mark(made.journal)]
    made.log(2000.0, loss=0.5)
    marks.append(made.reports.mark(made.journal))
    with Journal(tmp_path / "journal.sqlite3", FakeClock()) as other:
        other.remember("a", 1)
    marks.append(made.reports.mark(made.journal))
    assert marks[0] == marks[1]
    assert len(set(marks)) == 3
