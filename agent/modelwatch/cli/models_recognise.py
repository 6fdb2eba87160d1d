"""What the files of an upload are, as the formats tell: their type and, when they are one model, its step and metadata."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from modelwatch.core.entities import Checkpoint, ModelType, VerdictKind
from modelwatch.core.tree import Directory, FileStat, FileTree
from modelwatch.formats.registry import claim, formats_for
from modelwatch.repository.uploading import UploadFile


def recognise(folder: Path, files: Sequence[UploadFile], model_type: ModelType | None) -> tuple[Checkpoint, ...]:
    """
    Return the complete models and checkpoints among some files, those that say most about themselves first.

    Args:
        folder: What the files' paths are relative to.

        files: The files.

        model_type: What the user says it is, None to recognise it.
    """
    formats = formats_for(model_type)
    by_name = {format_.name: format_ for format_ in formats}
    found = []
    for candidate in claim(formats, _tree(folder, files)):
        verdict = by_name[candidate.format].inspect(str(folder), candidate, deep=False)
        if verdict.kind is VerdictKind.COMPLETE and verdict.checkpoint is not None:
            found.append(verdict.checkpoint)
    return tuple(found)


def _tree(folder: Path, files: Sequence[UploadFile]) -> FileTree:
    listings: dict[str, dict[str, FileStat]] = {"": {}}
    for file in files:
        status = file.source.stat()
        stat = FileStat(file.path, file.size, status.st_mtime_ns, status.st_ino)
        listings.setdefault(stat.directory, {})[stat.name] = stat
        parent = stat.directory
        while parent:
            parent = parent.rpartition("/")[0]
            listings.setdefault(parent, {})
    return FileTree(str(folder), {path: Directory(listing, _children(path, listings)) for path, listing in listings.items()})


def _children(path: str, listings: Mapping[str, object]) -> tuple[str, ...]:
    parents = [other.rpartition("/") for other in listings if other]
    return tuple(sorted(name for parent, _, name in parents if parent == path))
