"""What the files that a person uploads are, as the formats tell: their type and, when they are one model, its step and metadata."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from modelwatch.core.entities import Checkpoint, ModelType, VerdictKind
from modelwatch.core.tree import Directory, FileStat, FileTree
from modelwatch.formats.registry import claim, formats_for


@dataclass(frozen=True, slots=True)
class Recognised:
    """
    What some files are.

    Attributes:
        model_type: What the user said, else what the first of them that was recognised is, else ``Custom``.
        told: The one checkpoint or model that they are; None when they are several, because none speaks for the whole, or nothing known.
    """

    model_type: ModelType
    told: Checkpoint | None = None


def recognise(folder: Path, paths: Sequence[str], model_type: ModelType | None) -> Recognised:
    """
    Return what some files are.

    Args:
        folder: What the paths are relative to.

        paths: Of regular files, or of symbolic links to such, ``/`` as separator.

        model_type: What the user says it is, None to recognise it.

    Raises:
        OSError: A file is not there.
    """
    found = list(_complete(folder, paths, model_type))
    first = found[0].model_type if found else ModelType.CUSTOM
    return Recognised(model_type or first, found[0] if len(found) == 1 else None)


def _complete(folder: Path, paths: Sequence[str], model_type: ModelType | None) -> Iterator[Checkpoint]:
    """Give the complete models and checkpoints, those that say most about themselves first."""
    formats = formats_for(model_type)
    by_name = {format_.name: format_ for format_ in formats}
    for candidate in claim(formats, _tree(folder, paths)):
        verdict = by_name[candidate.format].inspect(str(folder), candidate, deep=False)
        # Who uploads files says that they are whole; that they are newer or older than one another only says that they were copied.
        if verdict.checkpoint is not None and (verdict.kind is VerdictKind.COMPLETE or verdict.only_order):
            yield verdict.checkpoint


def _tree(folder: Path, paths: Sequence[str]) -> FileTree:
    listings: dict[str, dict[str, FileStat]] = {"": {}}
    for path in paths:
        status = (folder / path).stat()
        stat = FileStat(path, status.st_size, status.st_mtime_ns, status.st_ino)
        listings.setdefault(stat.directory, {})[stat.name] = stat
        parent = stat.directory
        while parent:
            parent = parent.rpartition("/")[0]
            listings.setdefault(parent, {})
    return FileTree(str(folder), {path: Directory(listing, _children(path, listings)) for path, listing in listings.items()})


def _children(path: str, listings: Mapping[str, object]) -> tuple[str, ...]:
    parents = [other.rpartition("/") for other in listings if other]
    return tuple(sorted(name for parent, _, name in parents if parent == path))
