"""Whether a version's files are still what was registered."""

from __future__ import annotations

import enum
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from modelwatch.core.entities import ManifestEntry, ModelVersion, Storage
from modelwatch.core.files import open_regular
from modelwatch.repository.storage.copying import hash_file
from modelwatch.repository.storage.directory import DirectoryStorage


class Condition(enum.Enum):
    """What became of one file."""

    UNCHANGED = "unchanged"
    CHANGED = "changed"
    GONE = "gone"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class Verified:
    """
    One file of a version, looked at.

    Attributes:
        entry: What was registered.
        location: Where its bytes are: a path, or an address.
        condition: What became of it.
    """

    entry: ManifestEntry
    location: str
    condition: Condition


def location_of(storage: DirectoryStorage, version: ModelVersion, entry: ManifestEntry) -> Path:
    """Return where the bytes of a version's file are: in the repository, or at the path that was registered by reference."""
    if version.registration.storage is Storage.REFERENCE:
        return Path(version.registration.source, entry.path)
    return storage.blob_path(entry.digest)


def verify(storage: DirectoryStorage, version: ModelVersion, *, advance: Callable[[int], None]) -> Iterator[Verified]:
    """Read every file of a version and give what became of it; `advance` is told the bytes read since the last call."""
    for entry in version.registration.manifest.entries:
        location = location_of(storage, version, entry)
        yield Verified(entry, str(location), _condition(location, entry, advance))


def _condition(location: Path, entry: ManifestEntry, advance: Callable[[int], None]) -> Condition:
    try:
        descriptor = open_regular(location)
    except (FileNotFoundError, NotADirectoryError):
        return Condition.GONE
    except OSError:
        return Condition.UNREADABLE
    try:
        if os.fstat(descriptor).st_size != entry.size:
            return Condition.CHANGED
        return Condition.UNCHANGED if hash_file(descriptor, advance)[0] == entry.digest else Condition.CHANGED
    except OSError:
        return Condition.UNREADABLE
    finally:
        os.close(descriptor)
