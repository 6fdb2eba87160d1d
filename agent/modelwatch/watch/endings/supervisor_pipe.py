"""
The supervisor tells over an inherited pipe that the trainer has ended; end-of-file without a word means that the supervisor itself died.

    {"event":"trainer-ended","exit_code":3,"signal":null}
"""

from __future__ import annotations

import os
import select
import signal

from modelwatch.core.json import loads
from modelwatch.watch.endings.threaded import ThreadedEnding

_READ_BYTES = 4096
_SUPERVISOR_GONE = "the supervisor is gone"


class SupervisorPipe(ThreadedEnding):
    """
    Waits for the supervisor's word, in a thread of its own. Lines that tell of anything else are passed over.

    Args:
        descriptor: The pipe's read end. It is ours from now on: no child inherits it, and `close` closes it.
    """

    def __init__(self, descriptor: int) -> None:
        super().__init__()
        os.set_inheritable(descriptor, False)
        self._descriptor = descriptor

    def _wait(self, stop: int) -> str | None:
        poll = select.poll()
        poll.register(self._descriptor, select.POLLIN)
        poll.register(stop, select.POLLIN)
        unfinished = b""
        while True:
            ready = {number for number, _ in poll.poll()}
            if stop in ready:
                return None
            try:
                data = os.read(self._descriptor, _READ_BYTES)
            except OSError:  # the only way to hear of the end is broken: as if the other side were gone
                data = b""
            *lines, unfinished = (unfinished + data).split(b"\n")
            reason = next(filter(None, map(_reason, lines)), None if data else _SUPERVISOR_GONE)
            if reason is not None:
                return reason

    def _let_go(self) -> None:
        os.close(self._descriptor)


def _reason(line: bytes) -> str | None:
    """Return why training has ended, for people, or None when a line does not say that it has."""
    try:
        message = loads(line)
    except ValueError:
        return None
    if not isinstance(message, dict) or message.get("event") != "trainer-ended":
        return None
    number = message.get("signal")
    if isinstance(number, int):
        return f"training was ended by {_signal_name(number)}"
    return f"training ended with exit code {message.get('exit_code')}"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
