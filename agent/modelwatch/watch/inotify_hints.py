"""Hints from inotify(7), through the C library: no thread, no queue of our own."""

from __future__ import annotations

import ctypes
import os
import select
import struct
from errno import ENOENT, ENOTDIR

from modelwatch.core.tree import join
from modelwatch.watch.hints import Hint
from modelwatch.watch.scan import STATE_FOLDER

_CLOSE_WRITE, _MOVED_FROM, _MOVED_TO, _CREATE = 0x8, 0x40, 0x80, 0x100
_DELETE, _DELETE_SELF, _MOVE_SELF = 0x200, 0x400, 0x800
_Q_OVERFLOW, _IGNORED, _ONLYDIR, _DONT_FOLLOW, _ISDIR = 0x4000, 0x8000, 0x1000000, 0x2000000, 0x40000000
_MASK = _CLOSE_WRITE | _MOVED_FROM | _MOVED_TO | _CREATE | _DELETE | _DELETE_SELF | _MOVE_SELF | _ONLYDIR | _DONT_FOLLOW
_HEADER = struct.Struct("iIII")  # struct inotify_event: wd, mask, cookie, len; then the name


class InotifyUnavailableError(Exception):
    """inotify does not exist here, or its limits are used up."""


class InotifyHints:
    """
    Watches every directory below a root.

    Args:
        root: An existing directory.

    Raises:
        InotifyUnavailableError: It cannot be used here.
    """

    def __init__(self, root: str) -> None:
        self._root = os.path.realpath(root)
        try:
            self._libc = ctypes.CDLL(None, use_errno=True)
            self._descriptor = self._libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        except (AttributeError, OSError) as error:
            raise InotifyUnavailableError(str(error)) from error
        if self._descriptor < 0:
            raise InotifyUnavailableError(os.strerror(ctypes.get_errno()))
        self._wake_reader, self._wake_writer = os.pipe()
        os.set_blocking(self._wake_reader, False)
        os.set_blocking(self._wake_writer, False)
        self._paths: dict[int, str] = {}
        self._poll = select.poll()
        self._poll.register(self._descriptor, select.POLLIN)
        self._poll.register(self._wake_reader, select.POLLIN)
        try:
            self._watch("")
        except InotifyUnavailableError:
            self.close()
            raise

    def wait(self, timeout_seconds: float) -> Hint:
        """Return the hints that have come, waiting for the first at most `timeout_seconds`."""
        ready = self._poll.poll(int(min(timeout_seconds, 3600.0) * 1000 + 0.999))
        dirty: set[str] = set()
        everything = False
        for descriptor, _ in ready:
            if descriptor == self._wake_reader:
                self._drain_wakes()
            else:
                everything = self._read(dirty)
        return Hint(frozenset(dirty), everything)

    def wake(self) -> None:
        """End the wait that is going on, or the next one."""
        try:
            os.write(self._wake_writer, b"\0")
        except BlockingIOError:
            return  # it is awake already

    def close(self) -> None:
        """Close everything; a second call does nothing."""
        for name in ("_descriptor", "_wake_reader", "_wake_writer"):
            descriptor = getattr(self, name)
            if descriptor >= 0:
                os.close(descriptor)
                setattr(self, name, -1)

    def _drain_wakes(self) -> None:
        try:
            while os.read(self._wake_reader, 4096):
                pass
        except BlockingIOError:
            return

    def _read(self, dirty: set[str]) -> bool:
        """Add the directories of all waiting events to `dirty`; return whether events were lost."""
        everything = False
        while True:
            try:
                data = os.read(self._descriptor, 65536)
            except BlockingIOError:
                return everything
            offset = 0
            while offset < len(data):
                number, mask, _, length = _HEADER.unpack_from(data, offset)
                name = data[offset + _HEADER.size : offset + _HEADER.size + length].rstrip(b"\0")
                offset += _HEADER.size + length
                if mask & _Q_OVERFLOW:
                    everything = True
                    continue
                path = self._paths.get(number)
                if path is None:
                    continue
                if mask & _IGNORED:
                    del self._paths[number]
                    continue
                if not path and name == STATE_FOLDER.encode():
                    continue
                dirty.add(path)
                if mask & (_DELETE_SELF | _MOVE_SELF):
                    dirty.add(path.rpartition("/")[0])
                if mask & _ISDIR and mask & (_CREATE | _MOVED_TO):
                    try:
                        dirty |= self._watch(join(path, os.fsdecode(name)))
                    except InotifyUnavailableError:
                        everything = True

    def _watch(self, path: str) -> set[str]:
        """Watch a directory and all below it; return them. What appears between the two is dirty, so nothing is missed."""
        watched = set()
        todo = [path]
        while todo:
            current = todo.pop()
            absolute = os.path.join(self._root, current) if current else self._root  # noqa: PTH118 - text with surrogates
            number = self._libc.inotify_add_watch(self._descriptor, os.fsencode(absolute), _MASK)
            if number < 0:
                code = ctypes.get_errno()
                if current and code in {ENOENT, ENOTDIR}:
                    continue
                raise InotifyUnavailableError(f"{absolute}: {os.strerror(code)}")
            self._paths[number] = current
            watched.add(current)
            try:
                with os.scandir(absolute) as entries:
                    todo += [
                        join(current, entry.name)
                        for entry in entries
                        if entry.is_dir(follow_symlinks=False) and (current or entry.name != STATE_FOLDER)
                    ]
            except OSError:
                continue  # it went, or may not be read: the scan says which
        return watched
