"""`modelwatch status`: the latest of many, the counts of all, and JSON of everything."""

import json

import pytest
from samples import registration, stat

from modelwatch.cli.main import main
from modelwatch.core.clock import SystemClock
from modelwatch.daemon.state_folder import journal_path
from modelwatch.daemon.status import read_status
from modelwatch.journal.journal import Journal
from modelwatch.journal.states import CandidateState
from modelwatch.journal.trail import Trail

VERSIONS = 60
GONE = 5


@pytest.fixture
def folder(tmp_path):
    """The state folder of an agent that registered `VERSIONS` checkpoints and saw `GONE` go away in between."""
    state = tmp_path / ".modelwatch"
    state.mkdir()
    with Journal(journal_path(state), SystemClock()) as journal:
        for number in range(VERSIONS + GONE):
            trail = Trail("tensorflow-checkpoint", f"model.ckpt-{number}", (stat(f"model.ckpt-{number}.index"),))
            trail.move(CandidateState.SEEN, float(number))
            if number < GONE:
                trail.move(CandidateState.GONE, float(number), "deleted")
                journal.record([trail])
                continue
            for later in (CandidateState.SETTLING, CandidateState.COMPLETE, CandidateState.SNAPSHOTTED):
                trail.move(later, float(number))
            wanted = registration(trail.root)
            journal.commit(trail, wanted, snapshot=None, base="", sinks=("a",), metrics_open=False)
    return state


def test_the_latest_are_listed_and_all_are_counted(folder, capsys):
    """A table of ten thousand would hide what just happened."""
    assert main(["status", "--modelPath", str(folder.parent), "--limit", "3"]) == 0
    shown = capsys.readouterr().out
    assert f"checkpoints: {VERSIONS} JOURNALLED, {GONE} GONE\n" in shown
    assert f"deliveries: {VERSIONS} PENDING\n" in shown
    assert f"({VERSIONS + GONE - 3} earlier not shown; --limit 0 shows all)" in shown
    assert f"({VERSIONS - 3} earlier not shown; --limit 0 shows all)" in shown
    assert [word for word in shown.split() if word.startswith("model.ckpt-")] == [f"model.ckpt-{n}" for n in (62, 63, 64)] * 2


def test_a_state_is_listed_alone(folder, capsys):
    """What is left out belongs to the states that were asked for."""
    assert main(["status", "--modelPath", str(folder.parent), "--state", "gone", "--limit", "2"]) == 0
    shown = capsys.readouterr().out
    assert [word for word in shown.split() if word.startswith("model.ckpt-")] == ["model.ckpt-3", "model.ckpt-4"]
    assert f"({GONE - 2} earlier not shown; --limit 0 shows all)" in shown
    assert f"checkpoints: {VERSIONS} JOURNALLED, {GONE} GONE\n" in shown


def test_no_limit_shows_all(folder, capsys):
    """`--limit 0` is a table of everything."""
    assert main(["status", "--modelPath", str(folder.parent), "--limit", "0"]) == 0
    shown = capsys.readouterr().out
    assert "earlier not shown" not in shown
    assert shown.count("model.ckpt-") == 2 * VERSIONS + GONE


def test_json_holds_everything_whatever_the_limit(folder, capsys):
    """A program asks for what it needs; the counts are of all states."""
    assert main(["status", "--modelPath", str(folder.parent), "--json", "--limit", "3", "--state", "GONE"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert [row["checkpoint"] for row in shown["checkpoints"]] == [f"model.ckpt-{number}" for number in range(GONE)]
    assert len(shown["deliveries"]) == VERSIONS
    assert shown["counts"] == {"JOURNALLED": VERSIONS, "GONE": GONE}


def test_a_limit_reads_no_more_rows(folder):
    """Whoever asks often lists the latest only."""
    status = read_status(folder, SystemClock(), limit=2)
    assert [row.root for row in status.candidates] == ["model.ckpt-63", "model.ckpt-64"]
    assert [delivery.registration.root for delivery in status.deliveries] == ["model.ckpt-63", "model.ckpt-64"]
    assert (status.figures.checkpoints["JOURNALLED"], status.figures.delivery_count) == (VERSIONS, VERSIONS)
