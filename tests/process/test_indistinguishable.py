"""`modelwatch run -- X` and X: what X's caller sees, and what X sees."""

import os
import signal
import subprocess
import sys

import pytest
import supervised
from hypothesis import example, given, settings
from hypothesis import strategies as st
from waiting import wait_until

FATAL = sorted(
    signal.valid_signals()
    - {
        signal.SIGSTOP,
        signal.SIGTSTP,
        signal.SIGTTIN,
        signal.SIGTTOU,
        signal.SIGCHLD,
        signal.SIGCONT,
        signal.SIGURG,
        signal.SIGWINCH,
    }
)
"""Every signal whose default action ends a process."""

END = """
import os, signal, sys
how, number = sys.argv[1], int(sys.argv[2])
os.write(1, sys.argv[3].encode("utf-8", "surrogateescape")); os.write(2, b"on the other stream")
if how == "signal":
    if number != signal.SIGKILL: signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
os._exit(number)
"""
"""A trainer that writes what it is told to and then ends as it is told to."""


def both(*command, environment=None, **options):
    """Run a command as it is and under the supervisor, and return both results."""
    environment = {**os.environ, "PS_MODEL_PATH": "/models"} if environment is None else environment
    alone = supervised.run(command, env=environment, **options)
    return alone, supervised.run(supervised.supervised(*command), env=environment, **options)


def seen(result):
    """Return what a caller sees of a process: how it ended, and its output."""
    return result.returncode, result.stdout, result.stderr


@settings(max_examples=15)
@given(
    st.one_of(st.tuples(st.just("exit"), st.integers(0, 255)), st.tuples(st.just("signal"), st.sampled_from(FATAL))),
    st.text(st.characters(blacklist_characters="\0", blacklist_categories=["Cs"]), max_size=50),
)
@example(("exit", 0), "")
@example(("exit", 255), "\n")
@example(("signal", signal.SIGKILL), "killed")
@example(("signal", signal.SIGSEGV), "crashed")
@example(("signal", signal.SIGPIPE), "pipe")
@example(("signal", signal.SIGRTMAX), "real time")
def test_caller_sees_the_same_ending_and_output(how, text):
    """The caller sees the same exit code or signal and the same bytes, whichever they are."""
    alone, under = both(sys.executable, "-I", "-S", "-c", END, how[0], str(int(how[1])), text)
    assert seen(alone) == seen(under)


@pytest.mark.parametrize("locale", [{}, {"LC_ALL": "C"}, {"LANG": "C"}, {"LC_CTYPE": "POSIX"}])
def test_environment_is_the_same_to_the_byte(locale):
    """The trainer's environment is its caller's, in the same order, whatever Python does to its own (PEP 538)."""
    environment = {
        **locale,
        "PATH": os.defpath,
        "PYTHONPATH": "/nowhere",
        "PYTHONHOME": "/wrong",
        "EMPTY": "",
        "EQUALS": "a=b=c",
        "LINES": "a\nb",
        "NOT_UTF8": os.fsdecode(b"\xff\xfe"),
        "PS_MODEL_PATH": "/given",
    }
    alone, under = both("cat", "/proc/self/environ", environment=environment)
    assert alone.stdout
    assert seen(alone) == seen(under)


def test_an_empty_environment_gets_the_model_path_only():
    """PS_MODEL_PATH is the one variable that is added, where it was absent."""
    alone, under = both("/bin/cat", "/proc/self/environ", environment={})
    assert (alone.stdout, under.stdout) == (b"", b"PS_MODEL_PATH=/models\0")


def test_signal_settings_are_the_same():
    """Blocked signals stay blocked, ignored ones ignored, SIGCHLD among them, and the rest default."""

    def settle():
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1, signal.SIGRTMIN})
        for number in (signal.SIGHUP, signal.SIGINT, signal.SIGCHLD, signal.SIGUSR2):
            signal.signal(number, signal.SIG_IGN)

    command = ("grep", "-E", "^Sig(Blk|Ign|Cgt)|^ShdPnd", "/proc/self/status")
    alone = supervised.run(command, preexec_fn=settle)
    under = supervised.run(supervised.supervised(*command, mask=(signal.SIGUSR1, signal.SIGRTMIN)), preexec_fn=settle)
    assert b"SigBlk:\t0000000200000200" in alone.stdout
    assert seen(alone) == seen(under)


def test_process_settings_are_the_same(tmp_path):
    """Working directory, file mode mask, priority and limits are the caller's."""

    def settle():
        os.umask(0o027)
        os.nice(3)

    alone, under = both(
        "/bin/sh", "-c", "pwd; umask; nice; ulimit -a; cat /proc/self/oom_score_adj", cwd=tmp_path, preexec_fn=settle
    )
    assert seen(alone) == seen(under)


def test_standard_input_is_passed_through():
    """What the caller writes is what the trainer reads, to the last byte and the end of file."""
    alone, under = both("cat", input=bytes(range(256)) * 1000)
    assert seen(alone) == seen(under)


@pytest.mark.parametrize("closed", [(0,), (1,), (2,), (0, 1, 2)])
def test_closed_standard_streams_stay_closed(closed, tmp_path):
    """A standard stream that the caller closed is closed for the trainer, and none of our files lands on it."""
    report = tmp_path / "report"
    script = f"ls /proc/$$/fd > {report}"
    redirections = " ".join(f"{number}>&-" for number in closed)

    def descriptors(*command):
        subprocess.run(["/bin/sh", "-c", f'"$@" {redirections}', "sh", *command], check=True, timeout=supervised.LIMIT_SECONDS)
        return report.read_text(encoding="utf-8")

    assert descriptors("/bin/sh", "-c", script) == descriptors(*supervised.supervised("/bin/sh", "-c", script))


def test_other_descriptors_reach_the_trainer_and_not_the_agent():
    """A descriptor that the caller left open is the trainer's, and ours are nobody's."""
    reading, writing = os.pipe()
    try:
        command = ("/bin/sh", "-c", f"echo through >/dev/fd/{writing}; ls /proc/$$/fd")
        alone = supervised.run(command, pass_fds=(writing,))
        agent = supervised.shell_agent('cat <&"$2" >/dev/null; ls /proc/$$/fd')
        under = supervised.run(supervised.supervised(*command, agent=agent), pass_fds=(writing,))
        assert os.read(reading, 100) == b"through\nthrough\n"
    finally:
        os.close(reading)
        os.close(writing)
    assert alone.stdout == under.stdout
    agents = under.stderr.split()
    assert agents[:3] == [b"0", b"1", b"2"]
    assert len(agents) == 4, "the pipe from the supervisor and nothing else"


def test_a_reader_sees_the_end_of_output_when_the_trainer_closes_it():
    """Neither the supervisor nor the agent holds the trainer's standard output open."""
    child = supervised.start(supervised.supervised("/bin/sh", "-c", "echo last; exec >&-; read line"))
    try:
        assert child.stdout.read() == b"last\n"
        assert child.poll() is None
    finally:
        child.communicate(b"go on\n", timeout=supervised.LIMIT_SECONDS)


def is_broken(pipe: int) -> bool:
    """Return whether nobody reads a pipe any more."""
    try:
        os.write(pipe, b"too late")
    except BrokenPipeError:
        return True
    return False


def test_a_writer_sees_when_the_trainer_stops_reading():
    """Neither the supervisor nor the agent holds the trainer's standard input open."""
    child = supervised.start(supervised.supervised("/bin/sh", "-c", "exec <&-; echo closed; kill -STOP $$"))
    try:
        assert child.stdout.readline() == b"closed\n"
        wait_until(lambda: is_broken(child.stdin.fileno()))  # the agent's process may be between its fork and giving the pipe up
    finally:
        child.send_signal(signal.SIGTERM)
        child.send_signal(signal.SIGCONT)
        child.communicate(timeout=supervised.LIMIT_SECONDS)
    assert child.returncode == -signal.SIGTERM
