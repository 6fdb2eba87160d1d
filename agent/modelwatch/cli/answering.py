"""Trying out in another process what a mount that does not answer would hold up for ever in this one."""

from __future__ import annotations

import contextlib
import os
import select
import signal
from collections.abc import Callable


def answers_in_time(look: Callable[[], object], seconds: float) -> bool:
    """
    Return whether `look` ends, well or not, in time.

    It is done in a child, which is killed when it takes longer; who looks after this process's children reaps it. Call with one thread.

    Raises:
        OSError: There can be no child now.
    """
    reading, writing = os.pipe()
    try:
        pid = os.fork()
    except OSError:
        os.close(reading)
        os.close(writing)
        raise
    if pid == 0:
        try:
            look()
        finally:
            os._exit(0)
    os.close(writing)
    poll = select.poll()
    poll.register(reading, select.POLLIN)
    ended = bool(poll.poll(seconds * 1000))  # nothing is ever written: the child's end is what can be read
    os.close(reading)
    if ended:
        with contextlib.suppress(ChildProcessError):  # where SIGCHLD is ignored, the kernel has reaped it
            os.waitpid(pid, 0)
    else:
        os.kill(pid, signal.SIGKILL)
    return ended
