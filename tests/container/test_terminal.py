"""At a terminal in a container (`podman run -it`): what is typed, job control and the window's size are as without us."""

import pytest
from containers import ENTRYPOINT

pytestmark = [pytest.mark.container, pytest.mark.timeout(900)]  # the first test also builds the images

CTRL_C, CTRL_BACKSLASH, CTRL_D, CTRL_Z = "\x03", "\x1c", "\x04", "\x1a"
READER = "echo ready; while read line; do echo got:$line; done; exit 4"
BASH = ("bash", "--norc", "--noprofile", "-i")
PROMPT = "--env=PS1=PROMPT>"


def test_the_training_reads_what_is_typed(site):
    """It is in the foreground, until the end of file."""
    with site.at_terminal(ENTRYPOINT, "sh", "/train.sh", trainer=READER) as terminal:
        terminal.read_until("ready")
        terminal.type("hello\n")
        terminal.read_until("got:hello")
        terminal.type(CTRL_D)
        assert terminal.wait() == 4


@pytest.mark.parametrize(("key", "status"), [(CTRL_C, 130), (CTRL_BACKSLASH, 131)])
def test_a_key_that_interrupts_ends_the_training_and_the_container(site, key, status):
    r"""Ctrl-C and Ctrl-\ reach the training, which is not PID 1 and so need not ask for them; what was saved before is registered."""
    with site.at_terminal(ENTRYPOINT, "sh", "/train.sh", trainer=f"ulimit -c 0; save 1; {READER}") as terminal:
        terminal.read_until("ready")
        terminal.type("one\n")
        terminal.read_until("got:one")
        terminal.type(key)
        assert terminal.wait() == status
    assert site.registered() == ["model.ckpt-1"]


def test_a_training_that_is_interrupted_may_save_once_more(site):
    """It decides what Ctrl-C means, and what it saves then is registered."""
    trainer = "trap 'save 2; exit 7' INT; save 1; echo ready; while :; do sleep 0.05; done"
    with site.at_terminal(ENTRYPOINT, "sh", "/train.sh", trainer=trainer) as terminal:
        terminal.read_until("ready")
        terminal.type(CTRL_C)
        assert terminal.wait() == 7
    assert site.registered() == ["model.ckpt-1", "model.ckpt-2"]


def test_a_stop_that_nobody_could_undo_stops_nothing(site):
    """There is no shell above the training to say `fg`: Ctrl-Z is ignored."""
    with site.at_terminal(ENTRYPOINT, "sh", "/train.sh", trainer=READER) as terminal:
        terminal.read_until("ready")
        terminal.type(CTRL_Z)
        terminal.type("still here\n")
        terminal.read_until("got:still here")
        terminal.type(CTRL_D)
        assert terminal.wait() == 4


def test_the_windows_size_is_known_and_followed(site):
    """Each change is a signal to the training, and what it asks the terminal then is the new size."""
    trainer = "trap 'echo size:$(stty size)' WINCH; echo ready; while :; do sleep 0.05; done"
    with site.at_terminal(ENTRYPOINT, "sh", "/train.sh", trainer=trainer) as terminal:
        terminal.read_until("ready")
        for rows, columns in ((50, 132), (24, 80)):
            terminal.resize(rows, columns)
            terminal.read_until(f"size:{rows} {columns}")


def test_a_shell_under_us_has_job_control(site):
    """An interactive shell as the training stops its jobs and goes on with them, and its status is the container's."""
    with site.at_terminal(ENTRYPOINT, *BASH, options=[PROMPT]) as terminal:
        terminal.read_until("PROMPT>")
        terminal.type("stty -echo\n")
        terminal.read_until("PROMPT>")
        terminal.type("cat\n")
        terminal.type("one\n")
        terminal.read_until("one")
        terminal.type(CTRL_Z)
        terminal.read_until("Stopped")
        terminal.type("fg\n")
        terminal.type("two\n")
        terminal.read_until("two")
        terminal.type(CTRL_C)
        terminal.read_until("PROMPT>")
        terminal.type("exit 5\n")
        assert terminal.wait() == 5


def test_we_are_a_job_of_a_shell_above_us(site):
    """Ctrl-Z gives the shell back, `fg` goes on reading, Ctrl-C ends it: as on the training alone."""
    options = ["--entrypoint=/bin/bash", PROMPT]
    with site.at_terminal(ENTRYPOINT, *BASH[1:], trainer=READER, options=options) as terminal:
        terminal.read_until("PROMPT>")
        terminal.type("stty -echo\n")
        terminal.read_until("PROMPT>")
        terminal.type("/opt/modelwatch/bin/modelwatch run -- sh /train.sh\n")
        terminal.read_until("ready")
        terminal.type("one\n")
        terminal.read_until("got:one")
        terminal.type(CTRL_Z)
        terminal.read_until("Stopped")
        terminal.type("fg\n")
        terminal.type("two\n")
        terminal.read_until("got:two")
        terminal.type(CTRL_C)
        terminal.read_until("PROMPT>")
        terminal.type("echo status:$?\n")
        terminal.read_until("status:130")
