"""What happens to the agent, and that none of it is the trainer's business."""

import json
import os
import signal
import sys
from pathlib import Path

import pytest
import supervised
from supervised import shell_agent
from waiting import wait_until

NOTE_AND_THEN = """
import os, signal, sys
signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
open(sys.argv[1], "a").write("%s\\n" % os.getpid())
{then}
"""
"""An agent that notes its process id and then does what it is told to."""


def noting(note, then):
    """Return an agent written in Python that appends its process id to a file and runs `then`, with `pipe` open for reading."""
    code = NOTE_AND_THEN.format(then=f"pipe = open(int(sys.argv[3]), 'rb')\n{then}")
    return (sys.executable, "-I", "-S", "-c", code, str(note))


def starts(note):
    """Return the process ids of the agents started so far."""
    return [int(line) for line in note.read_text(encoding="ascii").splitlines()] if note.exists() else []


def waiting_trainer(**options):
    """Start a trainer that ends, with exit code 7, when its standard input does."""
    child = supervised.start(supervised.supervised("/bin/sh", "-c", "echo ready; read line; exit 7", **options))
    assert child.stdout.readline() == b"ready\n"
    return child


def finish(child):
    """Let the trainer end; return what was written to standard error."""
    _, errors = child.communicate(b"\n", timeout=supervised.LIMIT_SECONDS)
    return errors.decode()


@pytest.mark.parametrize(
    ("trainer", "expected"),
    [
        ("exit 0", {"exit_code": 0, "signal": None}),
        ("exit 3", {"exit_code": 3, "signal": None}),
        ("kill -9 $$", {"exit_code": None, "signal": 9}),
    ],
)
def test_the_agent_is_told_how_the_training_ended(trainer, expected):
    """One JSON line and the end of file."""
    result = supervised.run(supervised.supervised("/bin/sh", "-c", trainer, agent=supervised.ECHO_AGENT))
    assert json.loads(result.stderr) == {"event": "trainer-ended", **expected}
    assert result.stdout == b""


def test_the_agent_stands_back():
    """The agent has a session of its own, no input, a lower priority, and is the first choice of the out-of-memory killer."""
    script = (
        'cat <&"$2" >/dev/null; nice; cat /proc/self/oom_score_adj; readlink /proc/$$/fd/0; cut -d" " -f6 /proc/$$/stat; echo $$'
    )
    result = supervised.run(supervised.supervised("true", agent=shell_agent(script)))
    nice, score, stdin, session, pid = result.stderr.decode().split()
    assert int(nice) == min(19, os.nice(0) + 10)
    assert (score, stdin, session) == ("1000", "/dev/null", pid)


def test_a_killed_agent_is_started_again_and_the_trainer_does_not_notice(tmp_path):
    """An agent that dies while the training runs comes back; the training's end is told to the new one."""
    note = tmp_path / "note"
    child = waiting_trainer(agent=noting(note, "sys.stderr.write(pipe.read().decode())"))
    first = wait_until(lambda: starts(note))[0]
    os.kill(first, signal.SIGKILL)
    wait_until(lambda: len(starts(note)) == 2)
    errors = finish(child)
    assert child.returncode == 7
    assert "the agent ended with signal 9; starting it again in 0.5 s" in errors
    assert '"trainer-ended"' in errors


def test_an_agent_that_is_down_at_the_end_is_started_for_the_last_scan(tmp_path):
    """The last scan takes place even when the agent's next start was far away."""
    note = tmp_path / "note"
    child = waiting_trainer(agent=noting(note, "import select; sys.exit(0 if select.select([pipe], [], [], 0)[0] else 70)"))

    def down():
        found = starts(note)
        return len(found) >= 3 and not Path(f"/proc/{found[-1]}").exists() and len(found)

    before = wait_until(down)  # the next start is due in two seconds
    errors = finish(child)
    assert child.returncode == 7
    assert len(starts(note)) == before + 1
    assert "finishes it" not in errors


def test_an_agent_that_crashes_in_the_drain_is_started_once_more_only(tmp_path):
    """A crash after the end is answered by one more start, then said in one line with what finishes the work."""
    note = tmp_path / "note"
    child = waiting_trainer(agent=noting(note, "pipe.read(); sys.exit(70)"), model_path="/my models")
    wait_until(lambda: len(starts(note)) == 1)
    errors = finish(child)
    assert child.returncode == 7
    assert len(starts(note)) == 2
    assert errors.splitlines() == [
        "modelwatch: the agent ended with exit code 70 before its work was done: `modelwatch watch --once --modelPath '/my models'` finishes it"
    ]


@pytest.mark.parametrize("code", [64, 78])
def test_an_agent_that_cannot_work_with_its_options_is_not_tried_again(tmp_path, code):
    """A wrong option stays wrong: one start, one line, and the training goes on."""
    note = tmp_path / "note"
    child = waiting_trainer(agent=noting(note, f"sys.exit({code})"))
    assert b"the training goes on without it" in child.stderr.readline()
    finish(child)
    assert child.returncode == 7
    assert len(starts(note)) == 1


def test_an_agent_that_cannot_be_executed_does_not_touch_the_training():
    """A broken installation is said, and the trainer's exit code returned."""
    child = waiting_trainer(agent=("/no/such/python",))
    assert b"the agent cannot be started: No such file or directory" in child.stderr.readline()
    finish(child)
    assert child.returncode == 7


@pytest.mark.parametrize("code", [0, 75])
def test_an_agent_that_has_finished_speaks_for_itself(code):
    """When the agent ends by itself, with or without deliveries left (75), there is no line of ours beside its own."""
    result = supervised.run(
        supervised.supervised("/bin/sh", "-c", "exit 4", agent=shell_agent(f'cat <&"$2" >/dev/null; exit {code}'))
    )
    assert (result.returncode, result.stderr) == (4, b"")


def test_an_agent_that_overstays_is_stopped(tmp_path):
    """An agent that neither finishes nor hears SIGTERM is killed; the trainer's exit code is returned."""
    note = tmp_path / "note"
    agent = noting(note, "signal.sigwait({signal.SIGUSR1})")
    child = waiting_trainer(agent=agent, drain_seconds=-4.9)
    wait_until(lambda: starts(note))
    errors = finish(child)
    assert child.returncode == 7
    assert errors.endswith(
        "ended with signal 9 before its work was done: `modelwatch watch --once --modelPath /models` finishes it\n"
    )
    assert not Path(f"/proc/{starts(note)[0]}").exists()


def test_a_second_signal_ends_the_drain(tmp_path):
    """During the drain the first signal is answered with a line, the second ends it."""
    note = tmp_path / "note"
    agent = noting(note, "pipe.read(); signal.sigwait({signal.SIGTERM}); sys.exit(75)")
    child = supervised.start(supervised.supervised("true", agent=agent, drain_seconds=1000.0))
    assert child.stdout.read() == b""  # the trainer's copies are closed; ours we do not keep
    wait_until(lambda: starts(note))
    child.send_signal(signal.SIGTERM)
    assert b"once more to stop now" in child.stderr.readline()
    child.send_signal(signal.SIGTERM)
    _, errors = child.communicate(timeout=supervised.LIMIT_SECONDS)
    assert (child.returncode, errors) == (0, b"")


def test_the_signal_that_ended_the_training_counts_as_the_first(tmp_path):
    """After a SIGTERM that the trainer obeyed, one more ends the drain."""
    note = tmp_path / "note"
    agent = noting(note, "pipe.read(); open(sys.argv[1] + '.told', 'w'); signal.sigwait({signal.SIGTERM}); sys.exit(0)")
    child = supervised.start(
        supervised.supervised("/bin/sh", "-c", "echo ready; exec sleep 1000", agent=agent, drain_seconds=1000.0)
    )
    assert child.stdout.readline() == b"ready\n"
    child.send_signal(signal.SIGTERM)
    wait_until((tmp_path / "note.told").exists)
    child.send_signal(signal.SIGTERM)
    child.communicate(timeout=supervised.LIMIT_SECONDS)
    assert child.returncode == -signal.SIGTERM


def test_the_agent_sees_the_end_of_file_when_the_supervisor_dies(tmp_path):
    """A supervisor that is killed leaves both children alive; the agent knows by the pipe, the trainer by nothing."""
    note, heard = tmp_path / "note", tmp_path / "heard"
    child = waiting_trainer(agent=noting(note, f"open({str(heard)!r}, 'wb').write(pipe.read() or b'nothing')"))
    wait_until(lambda: starts(note))
    child.kill()
    wait_until(lambda: heard.exists() and heard.read_bytes() == b"nothing")
    child.communicate(b"\n", timeout=supervised.LIMIT_SECONDS)


def test_nobody_reading_standard_error_harms_nobody(tmp_path):
    """Our lines are dropped when nobody reads them: no signal, no failure, the same exit code."""
    reading, writing = os.pipe()
    child = supervised.start(
        supervised.supervised("/bin/sh", "-c", "read line; exit 6", agent=("/no/such/python",)), stderr=writing
    )
    os.close(writing)
    os.close(reading)
    child.communicate(b"\n", timeout=supervised.LIMIT_SECONDS)
    assert child.returncode == 6
