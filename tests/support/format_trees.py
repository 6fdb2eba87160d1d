"""Directories on disk as formats see them."""

import os
from pathlib import Path

from modelwatch.core.entities import Candidate, Verdict
from modelwatch.core.tree import Directory, FileStat, FileTree
from modelwatch.formats.base import Format


def tree_of(folder: Path) -> FileTree:
    """Walk `folder`."""
    directories = {}
    for place, subdirectories, names in os.walk(folder):
        path = Path(place).relative_to(folder).as_posix() if Path(place) != folder else ""
        stats = {name: Path(place, name).lstat() for name in names}
        files = {
            name: FileStat(f"{path}/{name}" if path else name, stat.st_size, stat.st_mtime_ns, stat.st_ino)
            for name, stat in stats.items()
        }
        directories[path] = Directory(files, tuple(sorted(subdirectories)))
    return FileTree(str(folder), directories)


def tree_with(*paths: str) -> FileTree:
    """Return a tree that holds empty files at `paths`, without touching a disk."""
    names: dict[str, dict[str, FileStat]] = {"": {}}
    below: dict[str, set[str]] = {"": set()}
    for path in paths:
        directory, _, name = path.rpartition("/")
        names.setdefault(directory, {})[name] = FileStat(path, 0, 0, 0)
        while directory:
            parent, _, last = directory.rpartition("/")
            names.setdefault(directory, {})
            below.setdefault(parent, set()).add(last)
            directory = parent
    return FileTree("/", {path: Directory(files, tuple(sorted(below.get(path, ())))) for path, files in names.items()})


def candidates(format_: Format, folder: Path) -> dict[str, Candidate]:
    """Return what `format_` finds in `folder`, by root."""
    return {candidate.root: candidate for candidate in format_.find(tree_of(folder))}


def judge(format_: Format, folder: Path, root: str, *, deep: bool = True) -> Verdict:
    """Find the candidate with `root` in `folder` and judge it."""
    return format_.inspect(str(folder), candidates(format_, folder)[root], deep=deep)
