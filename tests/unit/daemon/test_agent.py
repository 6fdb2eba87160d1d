"""The agent as a whole, in this process, over real folders and a repository in memory."""

from __future__ import annotations

import shutil
import sqlite3
import threading
from pathlib import Path

import pytest
from memory_sink import MemorySink

from modelwatch.config.load import load
from modelwatch.core.clock import SystemClock
from modelwatch.core.entities import RunState
from modelwatch.core.errors import StateError, TransientError
from modelwatch.daemon.agent import Agent, AgentState, Ended
from modelwatch.daemon.state_folder import journal_path
from modelwatch.daemon.status import read_status
from modelwatch.testing.event_writer import EventWriter

KERAS = Path(__file__).parents[2] / "golden" / "keras" / "three-epochs.keras"


@pytest.fixture
def models(tmp_path):
    """A model path with one checkpoint and an empty state folder."""
    folder = tmp_path / "models"
    (folder / ".modelwatch").mkdir(parents=True)
    shutil.copy(KERAS, folder / "a.keras")
    return folder


def agent(models, *sinks, **options):
    """Return an agent that waits for nothing."""
    flags = {"modelPath": [str(models)], "modelName": ["digits"], "settleTime": ["0"], "quietTime": ["0"], "drainTimeout": ["30s"]}
    settings = load(flags | {name: [value] for name, value in options.items()}, {}, str(models.parent)).settings
    return Agent(settings, models / ".modelwatch", sinks, SystemClock())


def test_once_registers_what_is_there_and_closes_its_sinks(models):
    """Everything arrived: 0, and the journal says that the agent ended well."""
    sink = MemorySink()
    assert agent(models, sink).run(once=True) == 0
    assert sink.roots == ["a.keras"]
    assert sink.closed
    assert read_status(models / ".modelwatch", SystemClock()).agent["state"] == AgentState.STOPPED.value


def test_at_the_end_every_sink_is_told_what_became_of_the_run(models):
    """With all that is known only then: the last values, each checkpoint's state and the number of its version at that sink."""
    sinks = MemorySink(name="memory:a"), MemorySink(name="memory:b")
    (models / "torn.keras").write_bytes(KERAS.read_bytes()[:300])
    EventWriter(models / "events.out.tfevents.1.host", 1000.0).scalars(1001.0, 7, loss=0.5)
    assert agent(models, *sinks).run(once=True) == 0
    for sink in sinks:
        report = sink.reports[-1]
        assert (report.state, report.reason, report.last_step) == (RunState.ENDED, "what is there has been looked at", 7)
        found = {checkpoint.root: (checkpoint.state, checkpoint.version) for checkpoint in report.checkpoints}
        assert found["a.keras"] == ("JOURNALLED", 1)
        assert found["torn.keras"] == ("SEEN", None)


def test_a_sink_that_takes_no_reports_gets_its_versions(models, messages):
    """Whatever it raises, the agent ends as if there were no reports."""

    class Old(MemorySink):
        def report(self, report):
            raise AttributeError("report")

    sink = Old()
    assert agent(models, sink).run(once=True) == 0
    assert sink.roots == ["a.keras"]
    assert "runs are not reported: versions are registered without" in messages


def test_a_training_that_left_nothing_is_not_reported(models):
    """Neither scalars nor checkpoints: a folder that was looked at is no run."""
    (models / "a.keras").unlink()
    sink = MemorySink()
    assert agent(models, sink).run(once=True) == 0
    assert sink.reports == []


def test_what_could_not_be_delivered_is_left_with_the_command_that_does_it(models, messages):
    """The far side is away for the whole run: 75, and a later drain finishes it."""
    sink = MemorySink(name="directory:/some where/models")
    sink.unreachable = TransientError("the mount is missing")
    assert agent(models, sink, drainTimeout="0").run(once=True) == 75
    assert messages[-1].startswith("1 delivery is left and kept; finish with: modelwatch drain --modelPath ")
    assert messages[-1].endswith("--repository '/some where/models'")
    (models / "a.keras").unlink()
    later = MemorySink(name=sink.name)
    assert agent(models, later).drain(rejected=False) == 0
    assert later.roots == ["a.keras"]
    assert sink.reports == later.reports == []
    assert read_status(models / ".modelwatch", SystemClock()).agent["state"] == AgentState.STOPPED.value


def test_a_checkpoint_that_never_completed_is_named_at_the_end(models, messages):
    """Its name and the reason, in the last line; it is no failure."""
    (models / "torn.keras").write_bytes(KERAS.read_bytes()[:300])
    assert agent(models, MemorySink()).run(once=True) == 0
    assert messages[-1] == "1 checkpoint was never completed: torn.keras: no zip end record at the end of the file"


def test_of_many_that_never_completed_the_first_are_named(models, messages):
    """The last line stays one that can be read."""
    for number in range(9):
        (models / f"torn\n{number}.keras").write_bytes(KERAS.read_bytes()[:300])
    agent(models, MemorySink()).run(once=True)
    assert messages[-1].startswith("9 checkpoints were never completed: torn\\n0.keras: ")
    assert messages[-1].endswith("; and 6 more: see `modelwatch status`")


def test_another_repository_is_not_served_from_an_old_journal_in_silence(models, messages):
    """What went elsewhere is not registered again, and that is said with the way out."""
    agent(models, MemorySink(name="directory:/old")).run(once=True)
    sink = MemorySink(name="directory:/new")
    assert agent(models, sink).run(once=True) == 0
    assert sink.roots == []
    assert any("went to another repository before" in message for message in messages)


def mistyped(models):
    """Watch once with a repository that is not there; return the sink that it should have been."""
    sink = MemorySink(name="directory:/typo")
    sink.unreachable = TransientError("not a folder")
    assert agent(models, sink, drainTimeout="0").run(once=True) == 75
    return MemorySink(name="directory:/right")


def test_what_was_meant_for_a_mistyped_repository_goes_to_the_right_one_when_that_is_asked_for(models, messages):
    """The line at the end says how; until then nothing goes to a repository that it was not meant for."""
    right = mistyped(models)
    assert agent(models, right).run(once=True) == 75
    assert right.roots == []
    assert messages[-1] == (
        "1 delivery is left and kept for another repository; finish with:"
        f" modelwatch drain --modelPath {models} --repository /typo,"
        f" or have them here: modelwatch drain --modelPath {models} --repository /right --redirect"
    )
    assert agent(models, right).drain(rejected=False, redirect=True) == 0
    assert right.roots == ["a.keras"]
    assert "1 delivery is redirected" in messages


def test_room_that_nothing_of_ours_will_make_is_not_waited_for(models):
    """Snapshots that are meant for another repository stay; at the end of the training nobody waits a thousand seconds for them to go."""
    right = mistyped(models)
    shutil.copy(KERAS, models / "b.keras")
    watching = agent(models, right, drainTimeout="1000s", snapshotBudget="1000", stateDir=str(models / ".modelwatch"))
    watching.end(Ended("training ended", training_over=True))
    assert watching.run(once=False) == 75
    assert right.roots == []


def test_the_same_run_id_goes_on_after_a_restart(models):
    """Two agents of one folder are of one run, unless each is given its own."""
    first, second = agent(models, MemorySink()), agent(models, MemorySink())
    first.run(once=True)
    second.run(once=True)
    assert first.run_id == second.run_id is not None


def test_a_damaged_journal_ends_the_agent_and_every_thread(models):
    """One clear error; nothing keeps the process alive."""
    agent(models, MemorySink()).run(once=True)
    path = journal_path(models / ".modelwatch")
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    data = bytearray(path.read_bytes())
    data[4096:] = b"x" * (len(data) - 4096)
    path.write_bytes(data)
    threads = threading.active_count()
    sink = MemorySink()
    with pytest.raises(StateError, match="malformed"):
        agent(models, sink).run(once=True)
    assert sink.reports == []
    assert threading.active_count() == threads
    assert sink.closed
