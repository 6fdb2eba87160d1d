"""The files of a version, by digest, and our own copy of them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from modelwatch.core.digest import Digest
from modelwatch.core.json import JsonValue

_CLEAN_PATH = re.compile(r"(?:(?!\.{1,2}(?:/|\Z))[^/\0]+(?:/(?!\Z)|\Z))+\Z")


@dataclass(frozen=True, slots=True, order=True)
class ManifestEntry:
    """
    One file of a version.

    Attributes:
        path: Relative to the version's own folder, ``/`` as separator, never absolute, never with ``..``.
        size: Bytes.
        digest: Of the content.
    """

    path: str
    size: int
    digest: Digest

    def __post_init__(self) -> None:
        """Refuse negative sizes and paths that could leave their folder, with ValueError."""
        if self.size < 0:
            raise ValueError(f"negative size: {self.size}")
        if not _CLEAN_PATH.match(self.path):
            raise ValueError(f"not a clean relative path: {self.path!r}")

    def to_json(self) -> JsonValue:
        """Return ``{"path", "size", "digest"}``."""
        return {"path": self.path, "size": self.size, "digest": str(self.digest)}

    @classmethod
    def from_json(cls, value: JsonValue) -> ManifestEntry:
        """Undo `to_json`. Raise ValueError, KeyError or TypeError for anything else."""
        return cls(str(value["path"]), int(value["size"]), Digest.parse(value["digest"]))


@dataclass(frozen=True, slots=True)
class Manifest:
    """
    The files of a version.

    Attributes:
        entries: Sorted by path; paths are unique.
    """

    entries: tuple[ManifestEntry, ...]
    _known_digest: list[Digest] = field(
        default_factory=list, init=False, repr=False, compare=False
    )  # empty or one: made when asked for

    def __post_init__(self) -> None:
        """Refuse entries out of order or twice, with ValueError."""
        paths = [entry.path for entry in self.entries]
        if paths != sorted(set(paths)):
            raise ValueError("manifest entries must be sorted by path and unique")

    @property
    def digest(self) -> Digest:
        """The digest of the manifest's canonical JSON text."""
        if not self._known_digest:
            self._known_digest.append(Digest.of_json(self.to_json()))
        return self._known_digest[0]

    @property
    def size(self) -> int:
        """Bytes of all files together."""
        return sum(entry.size for entry in self.entries)

    def to_json(self) -> JsonValue:
        """Return the list of entries."""
        return [entry.to_json() for entry in self.entries]

    @classmethod
    def from_json(cls, value: JsonValue) -> Manifest:
        """Undo `to_json`."""
        return cls(tuple(ManifestEntry.from_json(entry) for entry in value))


@dataclass(frozen=True, slots=True)
class Snapshot:
    """
    Our own copy of a checkpoint's files, durable and never written again.

    Attributes:
        folder: Absolute path of the directory that holds the files under the paths of the manifest.
        manifest: What is in it.
        linked: Paths that share their inode with the trainer's file; nobody may link them further.
    """

    folder: str
    manifest: Manifest
    linked: frozenset[str] = frozenset()
