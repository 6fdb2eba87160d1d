"""
Reading files that somebody else may change, replace or turn into something else at any moment.

Nothing here follows a symbolic link, blocks on a FIFO or maps a file into memory: a file that is truncated in place under a mapping
kills the process with SIGBUS.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from types import TracebackType
from typing import Self

from modelwatch.core.abandon import between_pieces

_OPEN_FLAGS = (
    os.O_RDONLY
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_BINARY", 0)
)


class NotARegularFileError(OSError):
    """The path names something that is not a regular file."""


def open_regular(path: Path | str, *, directory: int | None = None) -> int:
    """
    Open a regular file for reading and return its descriptor.

    Args:
        path: Where it is.

        directory: Descriptor of the directory that a relative path starts from (not on Windows); None for the working directory.

    Raises:
        FileNotFoundError: It is not there (any more).

        NotARegularFileError: It is a directory, symbolic link, FIFO, socket or device.

        OSError: It cannot be read.
    """
    try:
        descriptor = os.open(path, _OPEN_FLAGS) if directory is None else os.open(path, _OPEN_FLAGS, dir_fd=directory)
    except OSError as error:
        if error.errno == errno.ELOOP or (directory is None and Path(path).is_symlink()):
            raise NotARegularFileError(f"symbolic link: {path!s}") from error
        raise
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise NotARegularFileError(f"not a regular file: {path!s}")
    return descriptor


class RegularFile:
    """
    A regular file, open for positional reads. A context manager.

    Attributes:
        size: Bytes, when it was opened.
    """

    def __init__(self, path: Path | str) -> None:
        self._descriptor = open_regular(path)
        self.size = os.fstat(self._descriptor).st_size

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; a second call does nothing."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def fileno(self) -> int:
        """Return the descriptor."""
        return self._descriptor

    def stat(self) -> os.stat_result:
        """Return what the descriptor says about the file now."""
        return os.fstat(self._descriptor)

    def read_at(self, offset: int, size: int) -> bytes:
        """Return up to `size` bytes from `offset`; fewer only at the end of the file. A place to abandon long work (`core.abandon`)."""
        between_pieces()
        first = _read_once(self._descriptor, size, offset)
        if len(first) == size or not first:
            return first
        parts = [first]
        have = len(first)
        while have < size:
            part = _read_once(self._descriptor, size - have, offset + have)
            if not part:
                break
            parts.append(part)
            have += len(part)
        return b"".join(parts)


def _read_once(descriptor: int, size: int, offset: int) -> bytes:
    if hasattr(os, "pread"):
        return os.pread(descriptor, size, offset)
    os.lseek(descriptor, offset, os.SEEK_SET)  # Windows: no pread; one thread owns a RegularFile
    return os.read(descriptor, size)


def read_whole(path: Path | str, *, limit_bytes: int) -> bytes:
    """
    Return the content of a regular file.

    Raises:
        ValueError: It is larger than `limit_bytes`.

        OSError: As `open_regular`.
    """
    with RegularFile(path) as file:
        if file.size > limit_bytes:
            raise ValueError(f"{path!s}: {file.size} bytes, more than the {limit_bytes} expected of such a file")
        return file.read_at(0, file.size)
