"""Signals sent to us, and what becomes of the trainer's descendants."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import supervised
from waiting import wait_until

FORWARDED = [
    number
    for number in sorted(signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP, signal.SIGCHLD, signal.SIGUSR2})
    if number not in {signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU}  # these stop the trainer, and are tried with a terminal
]


@pytest.fixture
def printer():
    """A supervised child that prints the signals it gets, ready to get them, and its process id."""
    child = supervised.start(supervised.supervised(*supervised.PRINT_SIGNALS))
    word, pid = child.stdout.readline().split()
    assert word == b"ready"
    yield child, int(pid)
    child.send_signal(signal.SIGUSR2)
    child.communicate(timeout=supervised.LIMIT_SECONDS)


def test_every_signal_is_forwarded_and_none_ends_us(printer):
    """Each signal that can be caught arrives once, by its own number, and the trainer decides what it means."""
    child, _ = printer
    for number in FORWARDED:
        child.send_signal(number)
        name = signal.Signals(number).name if number in set(signal.Signals) else f"SIG{number}"
        assert child.stdout.readline().decode().strip() == name
    child.send_signal(signal.SIGUSR2)
    rest, _ = child.communicate(timeout=supervised.LIMIT_SECONDS)
    assert (child.returncode, rest) == (3, b"SIGUSR2\n")


def test_the_trainer_leads_a_group_of_its_own(printer):
    """The trainer's process group is its own, in our session, so that a signal reaches all of it and none of the others."""
    child, pid = printer
    assert os.getpgid(pid) == pid
    assert os.getsid(pid) == os.getsid(child.pid)


def test_a_signal_reaches_the_trainers_children_too():
    """A signal for us is a signal for the trainer's whole group: data loaders end with it."""
    inner = f"{sys.executable} -I {supervised.PRINT_SIGNALS[2]}"
    child = supervised.start(supervised.supervised("/bin/sh", "-c", f"trap 'wait; exit 9' TERM; {inner} & wait"))
    assert child.stdout.readline().startswith(b"ready")
    child.send_signal(signal.SIGTERM)
    assert child.stdout.readline() == b"SIGTERM\n"
    child.send_signal(signal.SIGUSR2)
    child.communicate(timeout=supervised.LIMIT_SECONDS)
    assert child.returncode == -signal.SIGUSR2


def test_a_signal_reaches_the_trainer_alone_where_that_is_asked_for():
    """With `--signalTarget process` the trainer decides what its children get."""
    inner = f"{sys.executable} -I {supervised.PRINT_SIGNALS[2]}"
    script = f"trap 'kill -USR2 $child; wait; exit 9' TERM; {inner} & child=$!; wait"
    child = supervised.start(supervised.supervised("/bin/sh", "-c", script, signal_group=False))
    assert child.stdout.readline().startswith(b"ready")
    child.send_signal(signal.SIGTERM)
    rest, _ = child.communicate(timeout=supervised.LIMIT_SECONDS)
    assert (child.returncode, rest) == (9, b"SIGUSR2\n")


def test_a_trainer_that_traps_a_signal_chooses_its_exit_code():
    """SIGTERM saves and returns 5 where the trainer wants it so."""
    child = supervised.start(
        supervised.supervised("/bin/sh", "-c", "trap 'echo saved; exit 5' TERM; echo ready; while :; do read x; done")
    )
    assert child.stdout.readline() == b"ready\n"
    child.send_signal(signal.SIGTERM)
    output, _ = child.communicate(timeout=supervised.LIMIT_SECONDS)
    assert (child.returncode, output) == (5, b"saved\n")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGRTMIN])
def test_a_signal_that_ends_the_trainer_ends_us_in_the_same_way(number):
    """Our caller, too, sees that the signal was the end."""
    child = supervised.start(supervised.supervised("/bin/sh", "-c", "echo ready; exec sleep 1000"))
    assert child.stdout.readline() == b"ready\n"
    child.send_signal(number)
    child.communicate(timeout=supervised.LIMIT_SECONDS)
    assert child.returncode == -number


def test_a_crash_leaves_no_core_of_ours(tmp_path):
    """Ending by the trainer's signal must not leave a core file, or a crash report, of the supervisor."""
    code = "import resource as r; r.setrlimit(r.RLIMIT_CORE, (r.RLIM_INFINITY, r.RLIM_INFINITY)); import sys, os; os.execvp(sys.argv[1], sys.argv[1:])"
    result = supervised.run(
        [sys.executable, "-c", code, *supervised.supervised("/bin/sh", "-c", "ulimit -c 0; kill -SEGV $$")], cwd=tmp_path
    )
    assert result.returncode == -signal.SIGSEGV
    assert list(tmp_path.iterdir()) == []


def test_signals_that_were_pending_at_the_start_reach_the_trainer():
    """A signal that came while modelwatch was starting, held back by the mask, is not lost."""

    def hold():
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        os.kill(os.getpid(), signal.SIGTERM)

    result = supervised.run(supervised.supervised("sleep", "1000"), preexec_fn=hold)
    assert result.returncode == -signal.SIGTERM


def test_orphans_become_our_children_and_are_reaped():
    """A process that lost its parent is ours, and does not stay behind as a zombie."""
    script = "sh -c 'sleep 1000 & echo $!' ; read line"
    child = supervised.start(supervised.supervised("/bin/sh", "-c", script))
    orphan = int(child.stdout.readline())
    wait_until(lambda: _parent(orphan) == child.pid)
    os.kill(orphan, signal.SIGKILL)
    wait_until(lambda: not Path(f"/proc/{orphan}").exists())
    child.communicate(b"\n", timeout=supervised.LIMIT_SECONDS)
    assert child.returncode == 0


def test_the_supervisor_is_small():
    """The supervisor keeps below 16 MiB of resident memory."""
    child = supervised.start(supervised.supervised("/bin/sh", "-c", "echo ready; read line"))
    assert child.stdout.readline() == b"ready\n"
    status = Path(f"/proc/{child.pid}/status").read_text(encoding="ascii")
    child.communicate(b"\n", timeout=supervised.LIMIT_SECONDS)
    peak_kib = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))
    assert peak_kib < 16 * 1024


def _parent(pid):
    result = subprocess.run(["ps", "-o", "ppid=", "-p", str(pid)], capture_output=True, check=False)
    return int(result.stdout or 0)
