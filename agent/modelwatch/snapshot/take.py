"""Taking one file: reflink, hard link where that is safe, else copy; and knowing that it did not change meanwhile."""

from __future__ import annotations

import enum
import errno
import os
from collections.abc import Callable, Sequence
from pathlib import Path

from modelwatch.core.digest import Digest
from modelwatch.core.entities import Manifest, ManifestEntry
from modelwatch.core.errors import StateError
from modelwatch.core.files import NotARegularFileError, RegularFile, open_regular
from modelwatch.core.tree import FileStat

try:
    import fcntl
except ImportError:  # not Linux: no reflinks
    fcntl = None  # type: ignore[assignment] # the module's absence is what is recorded

FICLONE = 0x40049409
"""ioctl(2) FICLONE, linux/fs.h: share the blocks of another file of the same file system."""

_SMALL_BYTES = 64 * 1024
_CHUNK_BYTES = 1 << 20


class Take(enum.Enum):
    """What became of an attempt to take a file; the value is for people."""

    TAKEN = "taken"
    CHANGED = "changed"
    VANISHED = "deleted"
    UNREADABLE = "could not be read"


class DiskFullError(StateError):
    """There is no room for a copy."""


class SourceChangedError(Exception):
    """A file is not any more what it was when it was taken."""


def _same(now: os.stat_result, stat: FileStat) -> bool:
    return (now.st_ino, now.st_size, now.st_mtime_ns) == (stat.inode, stat.size, stat.mtime_ns)


def take_file(source: Path, stat: FileStat, target: Path, *, hardlink: bool) -> tuple[Take, bool]:
    """
    Take the file at `source`, which a scan saw as `stat`, to `target`, whose folder exists.

    Returns:
        What became of it, and whether `target` is a hard link.

    Raises:
        DiskFullError: There is no room.
    """
    try:
        if hardlink and stat.size >= _SMALL_BYTES and _link(source, target):
            return (Take.TAKEN, True) if _same(os.lstat(target), stat) else (Take.CHANGED, True)
        return _copy(source, stat, target), False
    except FileNotFoundError:
        return Take.VANISHED, False
    except NotARegularFileError:
        return Take.CHANGED, False
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise DiskFullError(
                f"no room for a copy of {source.name} ({stat.size} bytes)", hint=f"make room in {target.parent}"
            ) from error
        return Take.UNREADABLE, False


def _link(source: Path, target: Path) -> bool:
    try:
        os.link(source, target, follow_symlinks=False)
    except FileNotFoundError:
        raise
    except OSError:  # EXDEV, EPERM, EMLINK, ENOTSUP: copy instead
        return False
    return True


def _copy(source: Path, stat: FileStat, target: Path) -> Take:
    reader = open_regular(source)
    try:
        if not _same(os.fstat(reader), stat):
            return Take.CHANGED
        writer = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_CLOEXEC", 0), 0o600)
        try:
            if not _reflink(reader, writer):
                _copy_bytes(reader, writer, stat.size)
        finally:
            os.close(writer)
        if not _same(os.fstat(reader), stat) or os.stat(target).st_size != stat.size:  # noqa: PTH116 - beside fstat
            return Take.CHANGED
    finally:
        os.close(reader)
    os.utime(target, ns=(stat.mtime_ns, stat.mtime_ns))
    return Take.TAKEN


def _reflink(reader: int, writer: int) -> bool:
    if fcntl is None:
        return False
    try:
        fcntl.ioctl(writer, FICLONE, reader)
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise
        return False
    return True


def _copy_bytes(reader: int, writer: int, size: int) -> None:
    left = size
    while left:
        try:
            count = os.copy_file_range(reader, writer, left)
        except OSError as error:
            if error.errno not in {errno.EXDEV, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL}:
                raise
            break
        if not count:
            return
        left -= count
    while left and (chunk := os.read(reader, min(left, _CHUNK_BYTES))):
        view = memoryview(chunk)
        while view:
            view = view[os.write(writer, view) :]
        left -= len(chunk)


def hash_in_place(folder: str, stats: Sequence[FileStat], between_chunks: Callable[[], None] = lambda: None) -> Manifest:
    """
    Return the manifest of files that stay where they are.

    Raises:
        SourceChangedError: One of them is not any more, before or after reading, what the scan saw.
    """
    entries = []
    for stat in sorted(stats):
        try:
            with RegularFile(Path(folder, stat.path)) as file:
                if not _same(file.stat(), stat):
                    raise SourceChangedError(stat.path)
                digest = hash_file(file, between_chunks)
                if not _same(file.stat(), stat):
                    raise SourceChangedError(stat.path)
        except OSError as error:
            raise SourceChangedError(f"{stat.path}: {error.strerror}") from error
        entries.append(ManifestEntry(stat.path, stat.size, digest))
    return Manifest(tuple(entries))


def hash_file(file: RegularFile, between_chunks: Callable[[], None]) -> Digest:
    """Return the digest of a whole file, calling `between_chunks` after each MiB or so."""
    import hashlib

    state = hashlib.sha256()
    offset = 0
    while chunk := file.read_at(offset, _CHUNK_BYTES):
        state.update(chunk)
        offset += len(chunk)
        between_chunks()
    return Digest(state.hexdigest())
