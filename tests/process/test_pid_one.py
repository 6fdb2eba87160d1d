"""As PID 1 of a real process namespace, as a container's entrypoint is."""

import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest
import supervised
from waiting import wait_until

UNSHARE = ("unshare", "--pid", "--fork", "--mount-proc", "--kill-child")


def _refusal() -> str:
    if shutil.which("unshare") is None:
        return "unshare(1) is not installed"
    return subprocess.run([*UNSHARE, "true"], capture_output=True, check=False, text=True).stderr.strip()


_REFUSAL = _refusal()
pytestmark = pytest.mark.skipif(bool(_REFUSAL), reason=f"NOT TESTED AS PID 1, no process namespace may be made here: {_REFUSAL}")


def contained(*command, **options):
    """Return the command line that supervises `command` as PID 1."""
    return [*UNSHARE, *supervised.supervised(*command, **options)]


def init_of(unshare):
    """Return the process id, as we see it, of the namespace's PID 1."""
    return int(Path(f"/proc/{unshare}/task/{unshare}/children").read_text(encoding="ascii").split()[0])


@pytest.mark.parametrize(
    ("script", "code"), [("exit 0", 0), ("exit 9", 9), ("kill -TERM $$", 143), ("kill -KILL $$", 137), ("kill -SEGV $$", 139)]
)
def test_exit_code_of_pid_one(script, code):
    """PID 1 cannot end by a signal: it returns the trainer's exit code, or 128 + n."""
    assert supervised.run(contained("/bin/sh", "-c", f"ulimit -c 0; {script}")).returncode == code


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGUSR1])
def test_pid_one_forwards_signals_that_the_kernel_would_keep_from_it(number):
    """A signal to PID 1, which by default is dropped, reaches the trainer."""
    child = supervised.start(contained("/bin/sh", "-c", "echo ready; exec sleep 1000"))
    assert child.stdout.readline() == b"ready\n"
    os.kill(init_of(child.pid), number)
    child.communicate(timeout=supervised.LIMIT_SECONDS)
    assert child.returncode == 128 + number


def test_pid_one_reaps_a_hundred_orphans():
    """Processes that lose their parents do not stay behind as zombies."""
    script = """
        for i in $(seq 100); do sh -c 'sh -c : &' ; done
        until [ "$(grep -l '^State:.Z' /proc/[0-9]*/status | wc -l)" = 0 ]; do :; done
        exit 3
    """
    assert supervised.run(contained("/bin/sh", "-c", script)).returncode == 3


def test_the_trainer_of_pid_one_does_not_notice_that_the_agent_is_killed(tmp_path):
    """The agent is killed in the namespace; the trainer goes on, and its exit code is returned."""
    agent = supervised.shell_agent('echo agent $$ >&2; cat <&"$2" >/dev/null')
    child = supervised.start(contained("/bin/sh", "-c", "read pid; kill -9 $pid; read line; exit 8", agent=agent))
    pid = child.stderr.readline().split()[1]
    child.stdin.write(pid + b"\n")
    child.stdin.flush()
    assert b"signal 9; starting it again" in child.stderr.readline()
    assert child.stderr.readline().startswith(b"agent ")
    child.communicate(b"\n", timeout=supervised.LIMIT_SECONDS)
    assert child.returncode == 8


def test_a_second_signal_ends_the_drain_of_pid_one():
    """An agent that hangs at the end is ended by the platform's second SIGTERM."""
    agent = supervised.shell_agent('cat <&"$2" >/dev/null; echo draining >&2; exec sleep 1000')
    child = supervised.start(contained("/bin/sh", "-c", "exit 5", agent=agent, drain_seconds=1000.0))
    assert child.stderr.readline() == b"draining\n"
    init = init_of(child.pid)
    os.kill(init, signal.SIGTERM)
    assert b"once more to stop now" in child.stderr.readline()
    os.kill(init, signal.SIGTERM)
    child.communicate(timeout=supervised.LIMIT_SECONDS)
    assert child.returncode == 5


def test_without_proc_the_entrypoint_still_works():
    """A container without /proc has a working entrypoint: environment, exit code, and orphans."""
    hide = 'umount -l /proc 2>/dev/null || mount -t tmpfs none /proc; exec "$@"'
    command = supervised.supervised("/bin/sh", "-c", "echo $PS_MODEL_PATH $GIVEN; exit 6")
    result = supervised.run([*UNSHARE, "/bin/sh", "-c", hide, "sh", *command], env={**os.environ, "GIVEN": "given"})
    assert (result.returncode, result.stdout) == (6, b"/models given\n")


def test_a_signal_while_python_starts_is_not_lost():
    """PID 1 with its signals held back gets a SIGTERM sent before the supervisor's first line of code."""
    code = (
        "import os, signal, sys;"
        "signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals());"
        "os.kill(os.getpid(), signal.SIGTERM);"
        "os.execv(sys.argv[1], sys.argv[1:])"
    )
    command = supervised.supervised("sleep", "1000")
    assert supervised.run([*UNSHARE, command[0], "-c", code, *command]).returncode == 128 + signal.SIGTERM


@pytest.fixture(autouse=True)
def nothing_of_ours_is_left():
    """Wait for the namespaces of a test to be gone: the kernel kills what is in them with their PID 1."""
    yield
    wait_until(lambda: not subprocess.run(["pgrep", "-P", str(os.getpid()), "unshare"], capture_output=True, check=False).stdout)
