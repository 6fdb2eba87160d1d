"""At a terminal: what is typed, job control, and who is in the foreground."""

import os
import shlex
import shutil
import signal

import pytest
import supervised
from terminals import AtTerminal
from waiting import wait_until

CTRL_C, CTRL_BACKSLASH, CTRL_Z = "\x03", "\x1c", "\x1a"
READER = "echo ready; while read line; do echo got:$line; done"
"""A trainer that echoes what is typed, until the end of file (Ctrl-D)."""


def line(*command):
    """Return the command line that supervises `command`, for a shell."""
    return shlex.join(supervised.supervised(*command))


@pytest.fixture
def shell():
    """Run bash at a terminal, with job control, and its prompt read."""
    if shutil.which("bash") is None:
        pytest.skip("bash is not installed: job control has been tried with no shell")
    with AtTerminal(["bash", "--norc", "--noprofile", "-i"], {"PS1": "PROMPT>", "HISTFILE": "/dev/null"}) as terminal:
        terminal.read_until("PROMPT>")
        terminal.type("stty -echo\n")
        terminal.read_until("PROMPT>")
        yield terminal


def test_a_trainer_as_the_terminals_first_program_reads_what_is_typed():
    """In `docker run -it` the trainer is in the foreground and reads the terminal."""
    with AtTerminal(supervised.supervised("/bin/sh", "-c", READER)) as terminal:
        terminal.read_until("ready")
        assert terminal.foreground() != terminal.pid
        terminal.type("hello\n")
        terminal.read_until("got:hello")
        terminal.type("\x04")
        assert terminal.wait() == 0


@pytest.mark.parametrize(("key", "number"), [(CTRL_C, signal.SIGINT), (CTRL_BACKSLASH, signal.SIGQUIT)])
def test_an_interrupt_from_the_keyboard_ends_the_trainer_and_us_alike(key, number):
    r"""Ctrl-C and Ctrl-\ reach the trainer; it decides, and we end as it does."""
    with AtTerminal(supervised.supervised("/bin/sh", "-c", "ulimit -c 0; " + READER)) as terminal:
        terminal.type("one\n")
        terminal.read_until("got:one")  # the shell is not in the middle of a fork, where dash loses signals
        terminal.type(key)
        assert terminal.wait() == -number


def test_the_keyboard_and_the_window_send_each_signal_once():
    """Each key and each change of the window's size is one signal to the trainer."""
    with AtTerminal(supervised.supervised(*supervised.PRINT_SIGNALS)) as terminal:
        pid = int(terminal.read_until(r"ready (\d+)")[1])
        for act, name in (
            (lambda: terminal.type(CTRL_C), "SIGINT"),
            (lambda: terminal.resize(50, 132), "SIGWINCH"),
            (lambda: terminal.type(CTRL_Z), "SIGTSTP"),
            (lambda: terminal.type(CTRL_BACKSLASH), "SIGQUIT"),
        ):
            act()
            terminal.read_until(name)
        os.kill(terminal.pid, signal.SIGUSR1)
        between = terminal.read_until(r"(?s)(.*)SIGUSR1")[1]
        assert "SIG" not in between
        os.kill(pid, signal.SIGUSR2)
        assert terminal.wait() == 3


def test_a_hang_up_reaches_the_trainer(tmp_path):
    """Closing the terminal's window is a SIGHUP to the trainer."""
    note = tmp_path / "note"
    script = f"trap 'echo hung up >{note}; exit 0' HUP; echo ready; while :; do sleep 1000 & wait; done"
    with AtTerminal(supervised.supervised("/bin/sh", "-c", script, straggler_seconds=0.0)) as terminal:
        terminal.read_until("ready")
        terminal.hang_up()
        wait_until(note.exists)
        assert terminal.wait() == 0


def test_a_stop_that_nobody_could_undo_does_not_stop_the_training():
    """Ctrl-Z where there is no shell to say `fg` is ignored, as the kernel ignores it for a trainer alone."""
    with AtTerminal(supervised.supervised("/bin/sh", "-c", READER)) as terminal:
        terminal.read_until("ready")
        terminal.type(CTRL_Z)
        terminal.type("still here\n")
        terminal.read_until("got:still here")
        terminal.type("\x04")
        assert terminal.wait() == 0


def test_job_control_works_as_on_the_trainer(shell):
    """Ctrl-Z gives the shell back, `fg` goes on reading, Ctrl-C ends it, and the shell sees what it would see of the trainer."""
    shell.type(line("/bin/sh", "-c", READER) + "\n")
    shell.read_until("ready")
    shell.type("one\n")
    shell.read_until("got:one")
    shell.type(CTRL_Z)
    shell.read_until("Stopped")
    shell.read_until("PROMPT>")
    shell.type("fg\n")
    shell.type("two\n")
    shell.read_until("got:two")
    shell.type(CTRL_C)
    shell.read_until("PROMPT>")
    shell.type("echo status:$?\n")
    shell.read_until("status:130")


def test_a_trainer_in_the_background_is_stopped_when_it_reads_and_goes_on_with_fg(shell):
    """`modelwatch run -- X &` behaves as `X &`: stopped for terminal input until it is in the foreground."""
    shell.type(line("/bin/sh", "-c", READER) + " &\n")
    shell.read_until("ready")
    shell.type("\n")
    wait_until(lambda: _typed(shell, "jobs\n", "Stopped|Running") == "Stopped")
    shell.type("fg\n")
    shell.type("three\n")
    shell.read_until("got:three")
    shell.type("\x04")
    shell.read_until("PROMPT>")
    shell.type("echo status:$?\n")
    shell.read_until("status:0")


def test_a_pipeline_keeps_the_terminal_for_all_its_members(shell):
    """`modelwatch run -- X | pager`: the pager reads the keyboard, and Ctrl-C reaches both."""
    pager = "sh -c 'cat; echo key?; read key </dev/tty; echo key:$key; exec cat /dev/tty'"
    shell.type(f"{line('echo', 'output')} | {pager}\n")
    shell.read_until(r"output\s+key\?")
    shell.type("q\n")
    shell.read_until("key:q")
    shell.type("ready\n")
    shell.read_until("ready")
    shell.type(CTRL_C)
    shell.read_until("PROMPT>")


def test_an_interrupt_ends_a_script_and_the_trainer_in_it(shell):
    """Ctrl-C in a script that runs a supervised trainer ends both, as it would without us."""
    shell.type(f"sh -c {shlex.quote(line('/bin/sh', '-c', READER) + '; echo not reached')}\n")
    shell.type("one\n")
    shell.read_until("got:one")
    shell.type(CTRL_C)
    assert "not reached" not in shell.read_until("(?s)(.*)PROMPT>")[1]


def test_a_stopped_pipeline_goes_on_with_fg(shell):
    """Ctrl-Z stops all of a pipeline, and the shell knows it."""
    shell.type(f"{line('/bin/sh', '-c', READER)} | cat\n")
    shell.read_until("ready")
    shell.type(CTRL_Z)
    shell.read_until("Stopped")
    shell.type("fg\n")
    shell.type("four\n")
    shell.read_until("got:four")
    shell.type("\x04")
    shell.read_until("PROMPT>")


def test_the_foreground_is_given_back(shell):
    """After the trainer's end the shell's next program reads the terminal, even when the trainer was killed in the foreground."""
    shell.type(line("/bin/sh", "-c", "kill -9 $$") + "\n")
    shell.read_until("PROMPT>")
    shell.type("read x; echo read:$x\n")
    shell.type("five\n")
    shell.read_until("read:five")


def _typed(shell, text, pattern):
    shell.type(text)
    return shell.read_until(pattern)[0]
