"""
Folders that Gradient's client uploads: it packs them into ``model.zip``, and people expect to get files back.

A ZIP archive is somebody else's program. Names that lead out of the folder, links, encrypted members, archives that unpack to far more
than they are, and those that are damaged are refused whole: nothing of them becomes a version.
"""

from __future__ import annotations

import stat
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

Put = Callable[[int, Iterator[bytes]], Digest]
"""Puts content of a size into the repository and returns its digest."""


def unpacked(archive: Path, put: Put) -> Manifest:
    """
    Put every file of an archive into the repository and return what they are.

    Raises:
        PermanentError: It is no archive, or one that is refused.
    """
    with _refusing(), zipfile.ZipFile(archive) as opened:
        members = _members(opened, archive.stat().st_size)
        entries = []
        for path, member in members:
            with opened.open(member) as source:
                digest = put(member.file_size, _exactly(source, member))
            entries.append(ManifestEntry(path, member.file_size, digest))
    return Manifest(tuple(sorted(entries)))


@contextmanager
def _refusing() -> Iterator[None]:
    try:
        yield
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, UnicodeDecodeError) as error:
        raise PermanentError(f"the archive cannot be unpacked: {error}") from error
    except RuntimeError as error:  # what zipfile says of a member that is encrypted
        raise PermanentError(f"the archive cannot be unpacked: {error}") from error


def _members(opened: zipfile.ZipFile, size_bytes: int) -> list[tuple[str, zipfile.ZipInfo]]:
    members: dict[str, zipfile.ZipInfo] = {}
    for member in opened.infolist():
        if member.is_dir():
            continue
        path = member.filename.removeprefix("./")
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
