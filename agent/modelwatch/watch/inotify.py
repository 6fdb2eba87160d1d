"""
inotify(7) through the C library: the three calls, and the events that are read.

Nothing here knows what is watched, or why. Constants and the layout of an event are those of linux/inotify.h, the same on every machine.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
from collections.abc import Iterator
from typing import NamedTuple

CLOSE_WRITE = 0x8
MOVED_FROM = 0x40
MOVED_TO = 0x80
CREATE = 0x100
DELETE = 0x200
DELETE_SELF = 0x400
MOVE_SELF = 0x800
UNMOUNT = 0x2000
QUEUE_OVERFLOW = 0x4000
IGNORED = 0x8000
ONLY_DIRECTORIES = 0x1000000
DO_NOT_FOLLOW = 0x2000000
IS_DIRECTORY = 0x40000000

_HEADER = struct.Struct("iIII")  # wd, mask, cookie, length of the name with its padding
_READ_BYTES = 1 << 16
_LIMITS = frozenset({errno.ENOSPC, errno.ENOMEM, errno.EMFILE, errno.ENFILE})


class InotifyUnavailableError(Exception):
    """
    inotify does not exist here, or a limit of it is used up.

    Attributes:
        hint: What the operator can do about it.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class Event(NamedTuple):
    """
    One event.

    Attributes:
        watch: The number that `Inotify.add` returned; -1 for a queue overflow.
        mask: What happened.
        name: Of the entry in the watched directory; empty for the directory itself.
    """

    watch: int
    mask: int
    name: str


class Inotify:
    """
    One queue of events. `fileno` can be polled.

    Raises:
        InotifyUnavailableError: It cannot be used here.
    """

    def __init__(self) -> None:
        try:
            self._libc = ctypes.CDLL(None, use_errno=True)
            self._descriptor = int(self._libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC))
        except (AttributeError, OSError, TypeError) as error:  # no such function, no C library by that way
            raise InotifyUnavailableError(f"no inotify here: {error}") from error
        if self._descriptor < 0:
            raise _unavailable(ctypes.get_errno(), "fs.inotify.max_user_instances")

    def fileno(self) -> int:
        """Return the descriptor."""
        return self._descriptor

    def add(self, path: str, mask: int) -> int:
        """
        Watch a path; return the number that its events carry, which is the old one if the same inode is watched already.

        Raises:
            InotifyUnavailableError: A limit is used up.

            OSError: It is not there, may not be read, …
        """
        number = int(self._libc.inotify_add_watch(self._descriptor, os.fsencode(path), ctypes.c_uint32(mask)))
        if number >= 0:
            return number
        code = ctypes.get_errno()
        if code in _LIMITS:
            raise _unavailable(code, "fs.inotify.max_user_watches")
        raise OSError(code, os.strerror(code), path)

    def remove(self, number: int) -> None:
        """Stop watching; nothing happens when the kernel has already stopped by itself."""
        self._libc.inotify_rm_watch(self._descriptor, number)

    def read(self) -> Iterator[Event]:
        """Give every event that is waiting, and none when there is none."""
        while True:
            try:
                data = os.read(self._descriptor, _READ_BYTES)
            except BlockingIOError:
                return
            offset = 0
            while offset < len(data):
                number, mask, _, length = _HEADER.unpack_from(data, offset)
                offset += _HEADER.size
                yield Event(number, mask, os.fsdecode(data[offset : offset + length].rstrip(b"\0")))
                offset += length

    def close(self) -> None:
        """Close the queue."""
        os.close(self._descriptor)


def _unavailable(code: int, limit: str) -> InotifyUnavailableError:
    return InotifyUnavailableError(f"inotify: {os.strerror(code)}", hint=f"raise {limit} with sysctl")
