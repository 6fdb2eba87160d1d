"""
The commit of a Git working tree, read from its files.

Git itself is not run: it may be missing, and it executes what the repository's configuration names. Formats: gitrepository-layout(5),
git-worktree(1) "Details", gitsubmodules(7), git-pack-refs(1). Whether the tree has changes that are not committed is not told: only Git can say.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from modelwatch.config.settings import Git
from modelwatch.core.files import open_regular, read_whole
from modelwatch.lineage.secrets import masked

_SMALL_BYTES = 64 * 1024
_DEEPEST_REFERENCE = 5
_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_SECTION = re.compile(r'\s*\[\s*remote\s+"(?P<name>[^"]*)"\s*\]')
_URL = re.compile(r"\s*url\s*=\s*(?P<url>.*?)\s*", re.IGNORECASE)


def working_tree(directory: Path) -> Git | None:
    """
    Return the commit, the branch and the address of the working tree that a folder is in; None when it is in none, or has no commit yet.

    Args:
        directory: Absolute path of the folder.
    """
    try:
        found = next((git for folder in (directory, *directory.parents) if (git := _git_folder(folder)) is not None), None)
        return None if found is None else _read(found)
    except (OSError, ValueError):
        return None  # unreadable, or not what Git writes: then nothing is known of it


def _git_folder(folder: Path) -> Path | None:
    """Return the folder with HEAD in it; ``.git`` is a file that names it in a worktree and in a submodule."""
    git = folder / ".git"
    if git.is_dir():
        return git if (git / "HEAD").is_file() else None
    if not git.is_file():
        return None
    text = _text(git)
    return folder / text.removeprefix("gitdir:").strip() if text.startswith("gitdir:") else None


def _read(git: Path) -> Git | None:
    common = git / _text(git / "commondir").strip() if (git / "commondir").is_file() else git
    name, commit = "", _text(git / "HEAD").strip()
    for _ in range(_DEEPEST_REFERENCE):
        if not commit.startswith("ref:"):
            break
        name = commit.removeprefix("ref:").strip()
        commit = _reference(name, git, common)
    if not _COMMIT.fullmatch(commit):
        return None
    return Git(name.removeprefix("refs/heads/") or None, commit, _origin(common))


def _reference(name: str, git: Path, common: Path) -> str:
    """Return what a reference holds, or an empty text. Raise ValueError for one that leaves its folder."""
    if not name.startswith("refs/") or ".." in name.split("/"):
        raise ValueError(f"not a reference: {name}")
    for folder in (git, common):
        if (folder / name).is_file():
            return _text(folder / name).strip()
    return next((line.split(" ", 1)[0] for line in _lines(common / "packed-refs") if line.rstrip().endswith(f" {name}")), "")


def _origin(common: Path) -> str | None:
    """Return the address of the remote ``origin``, without a password."""
    section = ""
    for line in _lines(common / "config"):
        if line.lstrip().startswith("["):
            found = _SECTION.match(line)
            section = found["name"] if found else ""
        elif section == "origin" and (url := _URL.fullmatch(line.rstrip("\n"))):
            return masked(url["url"])
    return None


def _text(path: Path) -> str:
    return read_whole(path, limit_bytes=_SMALL_BYTES).decode("utf-8", "surrogateescape")


def _lines(path: Path) -> Iterator[str]:
    """Give the lines of a file that may be large, as packed references are; none when there is no such file."""
    if not path.is_file():
        return
    with os.fdopen(open_regular(path), encoding="utf-8", errors="surrogateescape") as file:
        yield from file
