"""
The header of a repository: whether a directory is one, and making one.

A directory that holds anything else is never written into.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from modelwatch.core.durable import create_file, make_directory
from modelwatch.core.errors import StateError
from modelwatch.core.files import read_whole
from modelwatch.core.identifiers import new_ulid
from modelwatch.core.json import dumps, loads
from modelwatch.repository.layout import FORMAT_VERSION, HEADER

_KIND = "modelwatch-repository"
_LARGEST_HEADER_BYTES = 1 << 16
_NOT_CONTENT = frozenset({"lost+found"})  # what a fresh file system holds


@dataclass(frozen=True, slots=True)
class Header:
    """
    What ``repository.json`` says.

    Attributes:
        id: Identifies the repository wherever it is mounted or copied to.
        format: Version of the layout.
    """

    id: str
    format: int


def read_header(root: Path) -> Header | None:
    """
    Return the header of the repository in a directory, None when the directory is missing or empty.

    Raises:
        StateError: The directory is something else, or a repository that this program cannot read.
    """
    path = root / HEADER
    for _ in range(
        2
    ):  # twice: another process may make the repository between the look for a header and the look for others' files
        try:
            data = read_whole(path, limit_bytes=_LARGEST_HEADER_BYTES)
        except FileNotFoundError:
            data = None
        except (OSError, ValueError) as error:
            raise StateError(f"{path} cannot be read: {error}") from error
        if data is not None:
            return _parse(path, data)
        if not _holds_anything(root):
            return None
    raise StateError(
        f"{root} is not a modelwatch repository: it holds other files and no {HEADER}",
        hint="choose an empty folder, or one that modelwatch made",
    )


def _parse(path: Path, data: bytes) -> Header:
    try:
        value = loads(data)
        kind, version, identifier = value["kind"], int(value["format"]), str(value["id"])
    except (ValueError, KeyError, TypeError) as error:
        raise StateError(f"{path} is not the header of a modelwatch repository: {error!r}", hint="choose another folder") from error
    if kind != _KIND:
        raise StateError(f"{path} belongs to something else: {kind!r}", hint="choose another folder")
    if version > FORMAT_VERSION:
        raise StateError(
            f"{path}: format {version}; this modelwatch reads formats up to {FORMAT_VERSION}",
            hint="install a newer modelwatch",
        )
    return Header(identifier, version)


def _holds_anything(root: Path) -> bool:
    try:
        names = [entry.name for entry in root.iterdir()]
    except FileNotFoundError:
        return False
    except OSError as error:
        raise StateError(f"{root} cannot be a repository: {error.strerror}", hint="choose a folder") from error
    return any(name not in _NOT_CONTENT and not name.startswith(f".{HEADER}.") for name in names)


def ensure_header(root: Path) -> Header:
    """
    Return the header of the repository in a directory, making both when the directory is missing or empty.

    Several processes may call this at once; all get the same header.

    Raises:
        StateError: As `read_header`.

        OSError: It cannot be made.
    """
    header = read_header(root)
    if header is not None:
        return header
    make_directory(root)
    data = {"kind": _KIND, "format": FORMAT_VERSION, "id": new_ulid(), "created": time.time()}
    create_file(root / HEADER, dumps(data).encode("ascii"))
    header = read_header(root)
    if header is None:
        raise StateError(f"{root / HEADER} vanished while the repository was made")
    return header
