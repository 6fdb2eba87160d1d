"""One line to the user, on standard error, that can neither fail nor block."""

from __future__ import annotations

import os
import select

_STDERR = 2


def say(text: str) -> None:
    """
    Write ``modelwatch: text`` to standard error.

    The line is dropped when nobody reads the other end (closed, or a full pipe): a supervisor that waits for a reader forwards no
    signals. A pipe that poll calls writable takes at least PIPE_BUF bytes (pipe(7)), more than any of our lines.
    """
    poll = select.poll()
    poll.register(_STDERR, select.POLLOUT)
    try:
        if any(event & select.POLLOUT for _, event in poll.poll(0)):
            os.write(_STDERR, f"modelwatch: {text}\n".encode("utf-8", "backslashreplace"))
    except OSError:
        return
