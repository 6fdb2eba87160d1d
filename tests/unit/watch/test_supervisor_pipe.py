"""Learning from the supervisor that training has ended."""

import os
import queue

import pytest

from modelwatch.supervisor.ending import Ending
from modelwatch.watch.endings.supervisor_pipe import SupervisorPipe

LIMIT_SECONDS = 30.0


@pytest.fixture
def pipe():
    """Give the supervisor's end of a pipe, the agent's side of it, and what the agent was told."""
    reader, writer = os.pipe()
    told = queue.Queue()
    ending = SupervisorPipe(reader)
    ending.start(told.put)
    with os.fdopen(writer, "wb", buffering=0) as supervisor:
        yield supervisor, ending, told
    ending.close()


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        (Ending(0, None), "training ended with exit code 0"),
        (Ending(3, None), "training ended with exit code 3"),
        (Ending(None, 9), "training was ended by SIGKILL"),
        (Ending(None, 63), "training was ended by signal 63"),
    ],
)
def test_the_supervisors_own_line_is_understood(pipe, how, reason):
    """What the supervisor writes for an ending is told to the agent in words."""
    supervisor, _, told = pipe
    supervisor.write(how.line())
    assert told.get(timeout=LIMIT_SECONDS) == reason


def test_a_line_in_pieces_is_one_line(pipe):
    """However the bytes arrive, the line counts when it is whole."""
    supervisor, _, told = pipe
    for byte in Ending(1, None).line():
        supervisor.write(bytes([byte]))
    assert told.get(timeout=LIMIT_SECONDS) == "training ended with exit code 1"


@pytest.mark.parametrize("before", [b"", b"half a line", b'{"event":"something-newer"}\n', b"not json\n[1]\n"])
def test_a_supervisor_that_dies_without_a_word_ends_us_too(pipe, before):
    """End-of-file is an ending, whatever was said before that we do not understand."""
    supervisor, _, told = pipe
    supervisor.write(before)
    supervisor.close()
    assert told.get(timeout=LIMIT_SECONDS) == "the supervisor is gone"


def test_an_ending_is_told_once(pipe):
    """What follows the first ending, and the end-of-file after it, is not told again."""
    supervisor, ending, told = pipe
    supervisor.write(Ending(0, None).line() * 2)
    supervisor.close()
    told.get(timeout=LIMIT_SECONDS)
    ending.close()
    assert told.empty()


def test_nothing_is_told_after_closing(pipe):
    """A closed ending stays silent, and closing twice is allowed."""
    supervisor, ending, told = pipe
    ending.close()
    ending.close()
    with pytest.raises(BrokenPipeError):
        supervisor.write(Ending(0, None).line())
    assert told.empty()


def test_no_child_inherits_the_pipe():
    """A process that the agent starts must not keep the pipe open."""
    reader, writer = os.pipe()
    os.set_inheritable(reader, True)
    ending = SupervisorPipe(reader)
    assert not os.get_inheritable(reader)
    ending.close()
    os.close(writer)
