"""A program at a terminal: started as the leader of a session of its own, typed at, and read."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
import time
from collections.abc import Sequence
from typing import Self

_LIMIT_SECONDS = 30.0


class AtTerminal:
    """
    A running program and the other end of its terminal. A context manager: its session is killed at the end.

    Attributes:
        pid: Its process id, which is also its session's.
    """

    def __init__(self, arguments: Sequence[str], environment: dict[str, str] | None = None) -> None:
        self.pid, self._master = pty.fork()
        if self.pid == 0:
            try:
                os.execvpe(arguments[0], list(arguments), {**os.environ, "TERM": "dumb"} | (environment or {}))
            finally:
                os._exit(127)
        self._text = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.hang_up()
        if self.pid:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)

    def hang_up(self) -> None:
        """Close the terminal, as a lost connection does."""
        if self._master >= 0:
            os.close(self._master)
            self._master = -1

    def type(self, text: str) -> None:
        """Type `text`, in which control characters stand for themselves."""
        os.write(self._master, text.encode())

    def read_until(self, pattern: str) -> re.Match[str]:
        """Read until `pattern` is found, and forget what was up to its end. Raise AssertionError when it does not come."""
        deadline = time.monotonic() + _LIMIT_SECONDS
        while not (match := re.search(pattern, self._text)):
            ready, _, _ = select.select([self._master], [], [], max(0.0, deadline - time.monotonic()))
            try:
                part = os.read(self._master, 1 << 16) if ready else b""
            except OSError:  # EIO: nobody has the terminal open any more
                part = b""
            assert part, f"{pattern!r} did not come; seen: {self._text!r}"
            self._text += part.decode("utf-8", "replace")
        self._text = self._text[match.end() :]
        return match

    def resize(self, rows: int, columns: int) -> None:
        """Change the window's size."""
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def foreground(self) -> int:
        """Return the process group in the foreground."""
        return os.tcgetpgrp(self._master)

    def wait(self) -> int:
        """Wait for the program; return its exit code, or minus the signal that ended it."""
        pid, self.pid = self.pid, 0
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
