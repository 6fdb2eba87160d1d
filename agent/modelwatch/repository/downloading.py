"""
Downloading: a version's files into a folder, each checked while it is written, and nothing ever outside that folder.

A repository may have been written by anybody: paths are checked here again, whatever the manifest's own checks say.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath
from typing import Protocol

from modelwatch.core.digest import Digest
from modelwatch.core.durable import make_directory, sync_directory
from modelwatch.core.entities import Manifest, ManifestEntry, ModelVersion, Storage
from modelwatch.core.errors import ModelwatchError, NotFoundError, PermanentError, StateError
from modelwatch.core.files import open_regular
from modelwatch.repository.storage.copying import copy_and_hash, hash_file
from modelwatch.repository.storage.directory import DirectoryStorage, failures_are_transient
from modelwatch.repository.verifying import location_of

_WINDOWS_REFUSED = re.compile(r'[<>:"|?*\\\x00-\x1f]|[ .]\Z')


@dataclass(frozen=True, slots=True)
class Downloaded:
    """
    What a download did.

    Attributes:
        written: Files that were written.
        kept: Files that were there already with the right content.
    """

    written: tuple[ManifestEntry, ...]
    kept: tuple[ManifestEntry, ...]


class ContentSource(Protocol):
    """Where the bytes of one version's files come from."""

    def fetch(self, entry: ManifestEntry, target: int, advance: Callable[[int], None]) -> Digest:
        """
        Write a file's bytes into an open, empty file and make them durable.

        Args:
            entry: Which file.

            target: Open for reading and writing.

            advance: Is told the bytes written since the last call.

        Returns:
            The digest of what was written, which may be another than the entry's.

        Raises:
            NotFoundError: The content is gone.

            TransientError: It cannot be had now.

            OSError: The target cannot be written.
        """

    def damaged(self, entry: ManifestEntry, found: Digest) -> ModelwatchError:
        """Return the error that says why a file's bytes are not those that were registered."""


class StoredContent:
    """
    The bytes of a version in a repository's directory, or at the paths that were registered by reference.

    Args:
        storage: The repository's keys.

        version: The version.
    """

    def __init__(self, storage: DirectoryStorage, version: ModelVersion) -> None:
        self._storage = storage
        self._version = version

    def fetch(self, entry: ManifestEntry, target: int, advance: Callable[[int], None]) -> Digest:
        """Copy a file's bytes. Raise as `ContentSource.fetch`."""
        source = location_of(self._storage, self._version, entry)
        try:
            descriptor = open_regular(source)
        except OSError as error:
            raise NotFoundError(f"the content of {entry.path} cannot be read: {source}: {error.strerror or error}") from error
        try:
            return copy_and_hash(descriptor, target, entry.size, advance)[0]
        finally:
            os.close(descriptor)

    def damaged(self, entry: ManifestEntry, found: Digest) -> ModelwatchError:
        """Return the error for a referenced file that has changed, or a damaged blob."""
        source = location_of(self._storage, self._version, entry)
        if self._version.registration.storage is Storage.REFERENCE:
            return PermanentError(
                f"{source} has changed since it was registered by reference", hint="`modelwatch models verify` says which"
            )
        return StateError(f"the content of {entry.path} in the repository is damaged: {source} holds {found}")


def select(manifest: Manifest, paths: tuple[str, ...]) -> tuple[ManifestEntry, ...]:
    """
    Return the files of a version at some paths: a file's own, or a folder's, which stands for all below it.

    Args:
        manifest: The version's files.

        paths: Which; all when empty.

    Raises:
        NotFoundError: A path names nothing in the version.
    """
    entries = manifest.entries
    chosen: set[ManifestEntry] = set()
    for path in paths:
        wanted = path.strip("/")
        matching = [entry for entry in entries if entry.path == wanted or entry.path.startswith(f"{wanted}/")]
        if not matching:
            raise NotFoundError(f"the version has no file {path!r}", hint="`modelwatch models files` lists them")
        chosen.update(matching)
    return tuple(entry for entry in entries if entry in chosen or not paths)


def download(
    source: ContentSource,
    entries: tuple[ManifestEntry, ...],
    destination: Path,
    *,
    force: bool,
    advance: Callable[[int], None],
) -> Downloaded:
    """
    Write files of a version below a folder, which is made if missing.

    A file that is there with the right content is kept, so that an interrupted download goes on where it was.

    Args:
        source: Where the version's bytes come from.

        entries: Which of its files.

        destination: The folder.

        force: Replace files that have other content.

        advance: Is told the bytes written, or found there, since the last call.

    Raises:
        PermanentError: A path would leave the folder, something else is in the way, or a referenced file has changed.

        NotFoundError: A file's content is gone.

        StateError: The repository's content is damaged.

        TransientError: The folder cannot be written now, or the source cannot be reached.
    """
    root = destination.absolute()
    for entry in entries:
        refuse_unsafe(entry.path, windows=os.name == "nt")
    written, kept = [], []
    with failures_are_transient(root):
        make_directory(root)
        for entry in entries:
            target = _make_parents(root, entry.path)
            if _holds(target, entry):
                kept.append(entry)
                advance(entry.size)
                continue
            if not force and (target.exists() or target.is_symlink()):
                raise PermanentError(
                    f"{target} exists and differs", hint="choose another --destination, or replace it with --force"
                )
            _write(source, entry, target, advance)
            written.append(entry)
    return Downloaded(tuple(written), tuple(kept))


def refuse_unsafe(path: str, *, windows: bool) -> None:
    """Raise PermanentError for a path in a version that could lead out of the folder it is downloaded to, or that cannot exist."""
    parts = path.split("/")
    unsafe = "\0" in path or any(part in {"", ".", ".."} for part in parts)
    if windows:
        there = PureWindowsPath(path)
        unsafe = unsafe or bool(there.drive or there.root) or any(_WINDOWS_REFUSED.search(part) for part in parts)
        unsafe = unsafe or any(_is_reserved(part) for part in parts)
    if unsafe:
        raise PermanentError(f"the version holds a file with an unsafe path: {path!r}; nothing was downloaded")


def _is_reserved(part: str) -> bool:
    return re.match(r"(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\.|\Z)", part, re.IGNORECASE) is not None


def _make_parents(root: Path, path: str) -> Path:
    """Make the folders of a file below `root`, none of them through a symbolic link, and return where the file goes."""
    *folders, name = path.split("/")
    folder = root
    for part in folders:
        folder /= part
        if folder.is_symlink():
            raise PermanentError(f"{folder} is a symbolic link: downloading through it could write outside {root}")
        if not folder.is_dir() and folder.exists():
            raise PermanentError(f"{folder} is in the way: it is not a folder")
        folder.mkdir(exist_ok=True)
    target = folder / name
    if target.is_dir() and not target.is_symlink():
        raise PermanentError(f"{target} is in the way: it is a folder")
    return target


def _holds(target: Path, entry: ManifestEntry) -> bool:
    try:
        descriptor = open_regular(target)
    except OSError:
        return False
    try:
        return os.fstat(descriptor).st_size == entry.size and hash_file(descriptor, lambda _count: None)[0] == entry.digest
    finally:
        os.close(descriptor)


def _write(source: ContentSource, entry: ManifestEntry, target: Path, advance: Callable[[int], None]) -> None:
    temporary = target.with_name(f".{target.name[:100]}.{os.getpid()}-{os.urandom(4).hex()}.part")
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
    copy = os.open(temporary, flags, 0o666)
    try:
        try:
            digest = source.fetch(entry, copy, advance)
        finally:
            os.close(copy)
        if digest != entry.digest:
            raise source.damaged(entry, digest)
        temporary.replace(target)
        sync_directory(target.parent)
    finally:
        temporary.unlink(missing_ok=True)
