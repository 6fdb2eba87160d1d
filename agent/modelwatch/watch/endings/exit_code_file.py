"""
A file that the training's exit code is written into at its end, as ``python train.py; echo $? > /shared/exit-code`` does.

The shell makes the file before it writes into it, so an empty file says nothing. A number with its line's end is whole; anything else is
taken as it is once it has stayed the same for a while, because a file like this is written only when the training is over.
"""

from __future__ import annotations

import os
import re
import signal
import stat
from collections.abc import Collection

from modelwatch.core import log
from modelwatch.core.clock import Clock

_UNCHANGED_SECONDS = 2.0
_READ_BYTES = 64
_CODE = re.compile(rb"\s*(-?[0-9]{1,10})\s*")
_ABSENT = (FileNotFoundError, NotADirectoryError)
_SIGNALLED = 128
"""A shell's ``$?`` for a command that a signal ended is this and the signal's number."""


class ExitCodeFile:
    """
    Reads an exit code.

    Args:
        path: What was there before the sidecar counts: the training may have ended while it was down.

        clock: For how long the content stays the same.
    """

    def __init__(self, path: str, clock: Clock) -> None:
        self._path = path
        self._clock = clock
        self._content = b""
        self._since = 0.0
        self._said = False

    def look(self) -> str | None:
        """Return how the training ended, or None."""
        content = self._read()
        if content != self._content:
            self._content, self._since = content, self._clock.monotonic()
        if not content.strip():
            return None
        code = _CODE.fullmatch(content)
        if not (code and content.endswith(b"\n")) and self._clock.monotonic() - self._since < _UNCHANGED_SECONDS:
            return None
        return _reason(int(code[1])) if code else f"training ended; there is no exit code in {self._path}"

    def descriptors(self) -> Collection[int]:
        """Return nothing: it is looked at every now and then."""
        return ()

    def close(self) -> None:
        """Do nothing."""

    def _read(self) -> bytes:
        """Return the beginning of the content; nothing when there is no file that can be read."""
        try:
            descriptor = os.open(self._path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # a FIFO must not hold us up
            try:
                return os.read(descriptor, _READ_BYTES) if stat.S_ISREG(os.fstat(descriptor).st_mode) else b""
            finally:
                os.close(descriptor)
        except _ABSENT:
            return b""
        except OSError as error:
            if not self._said:
                log.warning("the exit code file cannot be read; trying again", path=self._path, why=error.strerror)
                self._said = True
            return b""


def _reason(code: int) -> str:
    number = -code if code < 0 else code - _SIGNALLED
    try:
        name = signal.Signals(number).name if number > 0 else ""
    except ValueError:
        name = ""
    return f"training ended with exit code {code}{f' ({name})' if name else ''}"
