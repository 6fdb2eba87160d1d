"""The supervisor tells, over an inherited pipe, that the trainer has ended; end-of-file without it means that the supervisor died."""

from __future__ import annotations

import os
import select
import threading
from collections.abc import Callable

from modelwatch.core.json import loads

_MOST_BYTES = 4096


class SupervisorPipe:
    """
    Waits for ``{"event": "trainer-ended", "exit_code": …, "signal": …}`` and a newline, or for end-of-file.

    Args:
        descriptor: The pipe's read end; closed by `close`.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        os.set_inheritable(descriptor, False)
        self._stop_reader, self._stop_writer = os.pipe()
        self._thread: threading.Thread | None = None

    def start(self, on_end: Callable[[str], None]) -> None:
        """Begin to wait in a thread of its own."""
        self._thread = threading.Thread(target=self._wait, args=(on_end,), name="modelwatch-ending", daemon=False)
        self._thread.start()

    def close(self) -> None:
        """Stop waiting and close the pipe."""
        if self._stop_writer < 0:
            return
        os.close(self._stop_writer)
        self._stop_writer = -1
        if self._thread is not None:
            self._thread.join()
        os.close(self._stop_reader)
        os.close(self._descriptor)

    def _wait(self, on_end: Callable[[str], None]) -> None:
        data = b""
        while b"\n" not in data and len(data) < _MOST_BYTES:
            ready, _, _ = select.select([self._descriptor, self._stop_reader], [], [])
            if self._descriptor not in ready:
                return
            part = os.read(self._descriptor, _MOST_BYTES)
            if not part:
                on_end("the supervisor is gone")
                return
            data += part
        on_end(_reason(data))


def _reason(line: bytes) -> str:
    try:
        message = loads(line)
        if message["signal"] is not None:
            return f"training was ended by signal {int(message['signal'])}"
        return f"training ended with exit code {int(message['exit_code'])}"
    except (ValueError, KeyError, TypeError):
        return "training ended"
