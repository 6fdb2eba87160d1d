"""
Folders that Gradient's client uploads: it packs them into ``model.zip``, and people expect to get files back.

A ZIP archive is somebody else's program. Names that lead out of the folder, links, encrypted members, archives that unpack to far more
than they are, or whose directory alone would fill the memory, and those that are damaged are refused whole: nothing of them becomes a version.
"""

from __future__ import annotations

import errno
import io
import os
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from modelwatch.core.digest import Digest
from modelwatch.core.entities import Manifest, ManifestEntry
from modelwatch.core.errors import PermanentError

ARCHIVE_NAME = "model.zip"
"""What the client calls every folder."""

MOST_MEMBERS = 100_000
MOST_TIMES = 200
"""How much more than itself an archive may hold. Weights hardly shrink; text and zeros do, a thousand times at most."""

_SMALL_BYTES = 64 << 20
"""What an archive of any size may hold."""
_PIECE_BYTES = 1 << 20
_LARGEST_READ_BYTES = 16 << 20
"""More than the directory of an archive of `MOST_MEMBERS` files needs, which `zipfile` reads at once."""
_METHODS = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
"""What the client packs with. LZMA allocates as much memory as the archive says, and bzip2 shrinks zeros to nothing."""
_DAMAGE = (zipfile.BadZipFile, zlib.error, struct.error, EOFError, NotImplementedError, ValueError, LookupError, OverflowError)
"""What `zipfile` makes of bytes that are no archive: a directory without names, numbers that do not fit, ends that are not there."""

Put = Callable[[int, Iterator[bytes]], Digest]
"""Puts content of a size into the repository and returns its digest."""


def unpacked(archive: Path, put: Put) -> Manifest:
    """
    Put every file of an archive into the repository and return what they are.

    Raises:
        PermanentError: It is no archive, or one that is refused.
    """
    with _refusing(), _Sipped(archive, "rb") as file, zipfile.ZipFile(file) as opened:
        members = _members(opened, archive.stat().st_size)
        entries = []
        for path, member in members:
            with opened.open(member) as source:
                digest = put(member.file_size, _exactly(source, member))
            entries.append(ManifestEntry(path, member.file_size, digest))
    return Manifest(tuple(sorted(entries)))


class _Sipped(io.FileIO):
    """A file of which nobody can read too much at once, whatever it says about itself."""

    def read(self, size: int | None = -1, /) -> bytes:
        """Return at most `size` bytes, or all that are left. Raise BadZipFile when that is more than an archive's directory can be."""
        wanted = os.fstat(self.fileno()).st_size - self.tell() if size is None or size < 0 else size
        if wanted > _LARGEST_READ_BYTES:
            raise zipfile.BadZipFile("its directory is too large")
        return super().read(max(0, wanted)) or b""


@contextmanager
def _refusing() -> Iterator[None]:
    try:
        yield
    except _DAMAGE as error:
        raise PermanentError(f"the archive cannot be unpacked: {error}") from error
    except RuntimeError as error:  # what zipfile says of a member that is encrypted
        raise PermanentError(f"the archive cannot be unpacked: {error}") from error
    except OSError as error:
        if error.errno != errno.EINVAL:  # a place before the file's beginning; anything else is the disk's
            raise
        raise PermanentError("the archive cannot be unpacked: it is not whole") from error


def _members(opened: zipfile.ZipFile, size_bytes: int) -> list[tuple[str, zipfile.ZipInfo]]:
    members: dict[str, zipfile.ZipInfo] = {}
    for member in opened.infolist():
        if member.is_dir():
            continue
        path = member.filename.removeprefix("./")
        if member.compress_type not in _METHODS:
            raise PermanentError(
                f"the archive holds {member.filename!r}, which is packed in a way that is not taken", hint="use deflate"
            )
        if member.create_system == 3 and stat.S_IFMT(member.external_attr >> 16) not in {0, stat.S_IFREG}:
            raise PermanentError(f"the archive holds {member.filename!r}, which is no regular file")
        try:
            ManifestEntry(path, member.file_size, Digest("0" * 64))
        except ValueError as error:
            raise PermanentError(f"the archive holds a file with an unsafe path: {member.filename!r}") from error
        if path in members:
            raise PermanentError(f"the archive holds {path!r} twice")
        members[path] = member
    _check_sizes(list(members.values()), size_bytes)
    return sorted(members.items())


def _check_sizes(members: list[zipfile.ZipInfo], size_bytes: int) -> None:
    if not members:
        raise PermanentError("the archive holds no files")
    if len(members) > MOST_MEMBERS:
        raise PermanentError(f"the archive holds {len(members)} files, more than {MOST_MEMBERS}")
    total = sum(member.file_size for member in members)
    if total > max(_SMALL_BYTES, MOST_TIMES * size_bytes):
        raise PermanentError(f"the archive would unpack to {total} bytes, more than {MOST_TIMES} times its own {size_bytes}")


def _exactly(source: IO[bytes], member: zipfile.ZipInfo) -> Iterator[bytes]:
    """Give a member's bytes; more or fewer than its header says is damage (`zipfile` checks the checksum at the end)."""
    left = member.file_size
    while piece := source.read(min(_PIECE_BYTES, left + 1)):
        left -= len(piece)
        if left < 0:
            break
        yield piece
    if left:
        raise PermanentError(f"the archive is damaged: {member.filename!r} does not have the size that it says")
