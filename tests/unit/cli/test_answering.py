"""Trying out in another process what may hang."""

import os
import signal
import threading

import pytest

from modelwatch.cli.answering import answers_in_time

LIMIT_SECONDS = 30.0


@pytest.mark.parametrize("children", [signal.SIG_DFL, signal.SIG_IGN])
def test_what_ends_answers(children):
    """Well or not, and whether or not somebody ignores the end of children."""
    before = signal.signal(signal.SIGCHLD, children)
    try:
        assert answers_in_time(lambda: None, LIMIT_SECONDS)
        assert answers_in_time(lambda: 1 / 0, LIMIT_SECONDS)
    finally:
        signal.signal(signal.SIGCHLD, before)


def test_what_hangs_is_not_waited_for():
    """It is killed, and left to be reaped."""
    assert not answers_in_time(lambda: threading.Event().wait(), 0.01)
    pid, status = os.wait()
    assert os.WTERMSIG(status) == signal.SIGKILL, pid
