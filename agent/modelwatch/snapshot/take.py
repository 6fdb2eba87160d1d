"""
Taking one file out of a folder that the trainer may change at any moment.

In this order: share its blocks (reflink), give it a second name where the writer is known to replace files and never to write into them (hard
link), copy it. A reflink and a copy survive whatever becomes of the source; a hard link survives its deletion and replacement only.
A file counts as taken when it was, before and after, the one that the scan saw: the same inode, size and modification time.
"""

from __future__ import annotations

import enum
import errno
import os
import stat as modes
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

from modelwatch.core.abandon import between_pieces
from modelwatch.core.below import directory_below
from modelwatch.core.entities import Manifest, ManifestEntry
from modelwatch.core.errors import DiskFullError, StateError
from modelwatch.core.files import NotARegularFileError, open_regular
from modelwatch.core.privacy import granted
from modelwatch.core.tree import FileStat
from modelwatch.snapshot.hashing import hash_open_file

FICLONE = 0x40049409
"""ioctl(2) FICLONE, linux/fs.h: share the blocks of another file of the same file system."""

try:
    import fcntl
except ImportError:  # Windows

    def clone(reader: int, writer: int) -> None:
        """Raise OSError: there are no reflinks here."""
        raise OSError(errno.ENOSYS, f"{os.strerror(errno.ENOSYS)}: {reader} to {writer}")
else:

    def clone(reader: int, writer: int) -> None:
        """Let an open, empty file share the blocks of another. Raise OSError where that is not possible."""
        fcntl.ioctl(writer, FICLONE, reader)


SMALL_BYTES = 64 * 1024
"""Below this a copy is as fast as anything else, and depends on nothing."""

_CHUNK_BYTES = 1 << 20
_KERNEL_CHUNK_BYTES = 64 << 20
"""What the kernel copies at a time: a call that copies all of a large file could not be given up."""

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_GONE = frozenset({errno.ENOENT, errno.ESTALE})
_REPLACED = frozenset({errno.ENOTDIR, errno.ELOOP})
_NEVER = frozenset({errno.EXDEV, errno.ENOTTY, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP})
_NOT_BY_THE_KERNEL = frozenset({errno.EXDEV, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP, errno.EINVAL, errno.EPERM})


class Take(enum.Enum):
    """What became of an attempt to take a file; the value is for people."""

    TAKEN = "taken"
    CHANGED = "changed"
    VANISHED = "deleted"
    UNREADABLE = "could not be read"


class Method(enum.Enum):
    """How a file was taken; the value is for people."""

    REFLINK = "reflink"
    HARDLINK = "hard link"
    COPY = "copy"


class SourceChangedError(Exception):
    """A file is not any more what it was when it was seen or taken."""


class Taken(NamedTuple):
    """
    The result of an attempt.

    Attributes:
        take: What became of it.
        method: How it was taken; None when it was not.
    """

    take: Take
    method: Method | None = None


def same_file(now: os.stat_result, stat: FileStat) -> bool:
    """Return whether a file is, as far as the system tells, what the scan saw."""
    return (now.st_ino, now.st_size, now.st_mtime_ns) == (stat.inode, stat.size, stat.mtime_ns) and modes.S_ISREG(now.st_mode)


def is_unchanged(root: str, stat: FileStat) -> bool:
    """Return whether a file below `root` is, as far as the system tells, what the scan saw."""
    try:
        with directory_below(root, stat.directory) as folder:
            return same_file(os.stat(stat.name, dir_fd=folder, follow_symlinks=False), stat)
    except OSError:
        return False


def our_error(error: OSError, doing: str, where: Path) -> StateError:
    """Return the error to raise when the system does not let us keep something at `where`."""
    if error.errno in _FULL:
        return DiskFullError(f"no room for {doing}: {error.strerror}", hint=f"make room on the disk of {where}")
    return StateError(f"{doing} failed: {error.strerror}", hint=f"see that {where} can be written")


class Taker:
    """Takes files, and remembers which file systems have no reflinks. One thread at a time."""

    def __init__(self) -> None:
        self._without_reflinks: set[int] = set()

    def take(self, root: str, stat: FileStat, target: Path, *, hardlink: bool) -> Taken:
        """
        Take a file.

        Args:
            root: Absolute path of the folder that was scanned.

            stat: The file as the scan saw it.

            target: Where to, in an existing folder of ours. There must be nothing; there is nothing afterwards unless it was taken.

            hardlink: Whether its writer never writes into it again, so that a hard link to it keeps its bytes.

        Raises:
            DiskFullError: There is no room.

            StateError: Our own folder cannot be written.
        """
        try:
            with directory_below(root, stat.directory) as folder:
                return self._take(folder, stat, target, hardlink=hardlink)
        except NotARegularFileError:
            return Taken(Take.CHANGED)
        except OSError as error:
            if error.errno in _GONE:
                return Taken(Take.VANISHED)
            return Taken(Take.CHANGED if error.errno in _REPLACED else Take.UNREADABLE)

    def _take(self, folder: int, stat: FileStat, target: Path, *, hardlink: bool) -> Taken:
        small = stat.size < SMALL_BYTES
        if hardlink and not small and os.fstat(folder).st_dev in self._without_reflinks and _link(folder, stat, target):
            return _checked_link(stat, target)
        reader = open_regular(stat.name, directory=folder)
        try:
            seen = os.fstat(reader)
            if not same_file(seen, stat):
                return Taken(Take.CHANGED)
            if not small and seen.st_dev not in self._without_reflinks and self._reflink(reader, seen, target):
                method = Method.REFLINK
            elif hardlink and not small and _link(folder, stat, target):
                return _checked_link(stat, target)
            else:
                _copy(reader, seen, target)
                method = Method.COPY
            return _checked_copy(reader, folder, stat, target, method)
        finally:
            os.close(reader)

    def _reflink(self, reader: int, seen: os.stat_result, target: Path) -> bool:
        """Make `target` share the blocks of an open file; return False, having made nothing, where that is not possible."""
        writer = _create(target, seen)
        try:
            clone(reader, writer)
        except OSError as error:
            target.unlink()
            if error.errno in _FULL:
                raise our_error(error, f"a copy of {seen.st_size} bytes", target.parent) from error
            if error.errno in _NEVER:
                self._without_reflinks.add(seen.st_dev)
            return False
        finally:
            os.close(writer)
        return True


def _create(target: Path, seen: os.stat_result) -> int:
    """Make the file for a copy, for those alone who may read its source, less the umask."""
    try:
        writer = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0), 0o600 | seen.st_mode & 0o666)
    except OSError as error:
        raise our_error(error, f"a copy of {seen.st_size} bytes", target.parent) from error
    made = os.fstat(writer)
    if made.st_gid != seen.st_gid:
        os.fchmod(writer, modes.S_IMODE(made.st_mode) & granted(seen, made.st_gid))
    return writer


def _link(folder: int, stat: FileStat, target: Path) -> bool:
    """Give a file a second name, without following a link; return False where that is not possible."""
    try:
        os.link(stat.name, target, src_dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        raise
    except (
        OSError
    ):  # another mount, another owner, too many links, not on this file system, …: a copy then shows whether it can be had
        return False
    return True


def _checked_link(stat: FileStat, target: Path) -> Taken:
    if same_file(os.lstat(target), stat):
        return Taken(Take.TAKEN, Method.HARDLINK)
    target.unlink()
    return Taken(Take.CHANGED)


def _copy(reader: int, seen: os.stat_result, target: Path) -> None:
    """Copy an open file. Raise OSError when the source cannot be read, StateError when the target cannot be written."""
    writer = _create(target, seen)
    try:
        left = _copy_by_kernel(reader, writer, seen.st_size)
        while left and (chunk := os.read(reader, min(left, _CHUNK_BYTES))):
            _write(writer, chunk, target)
            left -= len(chunk)
            between_pieces()
    except BaseException:
        target.unlink()
        raise
    finally:
        os.close(writer)


def _copy_by_kernel(reader: int, writer: int, size: int) -> int:
    """Copy as far as the kernel does it, and return the bytes that are left."""
    left = size
    try:
        while left and (count := os.copy_file_range(reader, writer, min(left, _KERNEL_CHUNK_BYTES))):
            left -= count
            between_pieces()
    except AttributeError:
        return left  # macOS has no copy_file_range
    except OSError as error:
        if error.errno not in _NOT_BY_THE_KERNEL and error.errno not in _FULL:
            raise
    return left  # when the disk is full, the write that follows says so


def _write(writer: int, chunk: bytes, target: Path) -> None:
    view = memoryview(chunk)
    try:
        while view:
            view = view[os.write(writer, view) :]
    except OSError as error:
        raise our_error(error, f"a copy of {target.name}", target.parent) from error


def _checked_copy(reader: int, folder: int, stat: FileStat, target: Path, method: Method) -> Taken:
    """Keep a copy only if its source still is, under its name, what the scan saw."""
    take = Take.TAKEN
    if not same_file(os.fstat(reader), stat) or target.stat().st_size != stat.size:
        take = Take.CHANGED
    else:
        try:
            if os.stat(stat.name, dir_fd=folder, follow_symlinks=False).st_ino != stat.inode:
                take = Take.CHANGED
        except FileNotFoundError:
            pass  # deleted after its last byte was read: the copy is whole
    if take is not Take.TAKEN:
        target.unlink()
        return Taken(take)
    os.utime(target, ns=(stat.mtime_ns, stat.mtime_ns))
    return Taken(Take.TAKEN, method)


def hash_in_place(folder: str, stats: Iterable[FileStat], between_chunks: Callable[[], None] = lambda: None) -> Manifest:
    """
    Return the manifest of files that stay where they are.

    Args:
        folder: Absolute path that their paths are relative to.

        stats: The files as the scan saw them.

        between_chunks: Called after each MiB or so.

    Raises:
        SourceChangedError: One of them was not, before or after it was read, what the scan saw.
    """
    return Manifest(tuple(_entry_in_place(folder, stat, between_chunks) for stat in sorted(stats)))


def _entry_in_place(folder: str, stat: FileStat, between_chunks: Callable[[], None]) -> ManifestEntry:
    try:
        with directory_below(folder, stat.directory) as directory:
            reader = open_regular(stat.name, directory=directory)
            try:
                before = os.fstat(reader)
                digest = hash_open_file(reader, between_chunks)
                after = os.fstat(reader)
            finally:
                os.close(reader)
            named = os.stat(stat.name, dir_fd=directory, follow_symlinks=False)
    except OSError as error:
        raise SourceChangedError(f"{stat.path}: {error.strerror or error}") from error
    if not (same_file(before, stat) and same_file(after, stat) and same_file(named, stat)):
        raise SourceChangedError(f"{stat.path}: written to or replaced")
    return ManifestEntry(stat.path, stat.size, digest)
