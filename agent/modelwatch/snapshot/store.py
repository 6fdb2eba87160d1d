"""
Snapshots: our own copies of checkpoints, in one folder for each.

    <state>/snapshots/<ulid>/files/…         the files, under the paths that they have in the model path
    <state>/snapshots/<ulid>/manifest.json   written last: without it the snapshot is a leftover of a crash
"""

from __future__ import annotations

import contextlib
import os
import shutil
import stat as modes
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from modelwatch.core import steps
from modelwatch.core.durable import make_directory, replace_file, sync_directory
from modelwatch.core.entities import Manifest, ManifestEntry, Snapshot
from modelwatch.core.errors import StateError
from modelwatch.core.files import open_regular
from modelwatch.core.identifiers import is_ulid, new_ulid
from modelwatch.core.json import dumps, loads
from modelwatch.core.tree import FileStat
from modelwatch.snapshot.hashing import hash_and_sync
from modelwatch.snapshot.take import Method, SourceChangedError, Take, Taker, our_error, same_file

__all__ = ["Pin", "SnapshotStore", "SourceChangedError"]

_MANIFEST = "manifest.json"
_FILES = "files"


Clones = dict[str, tuple[str, FileStat]]
"""Path of a file of ours → path of the file whose blocks it shares, and what that was when it was taken."""


class Held(NamedTuple):
    """
    What snapshots hold.

    Attributes:
        apparent_bytes: The sizes of all files.
        added_bytes: What would be free without them: nothing for a hard link or a reflink whose source is still there as it was taken.
    """

    apparent_bytes: int
    added_bytes: int


class Pin:
    """
    A snapshot in the making: files taken as soon as they were seen, not yet hashed and not yet durable.

    One thread at a time; it may be handed from one to another.

    Args:
        folder: The snapshot's own folder.

        taker: Takes its files.

        clones: Where it notes which of its files share their blocks with which source; the store's.

    Attributes:
        id: The snapshot's name in its store.
        folder: Absolute path that the files' paths are relative to.
    """

    def __init__(self, folder: Path, taker: Taker, clones: Clones) -> None:
        self.id = folder.name
        self.folder = folder / _FILES
        self._taker = taker
        self._clones = clones
        self._sources: dict[str, FileStat] = {}
        self._linked: set[str] = set()

    @property
    def sources(self) -> Mapping[str, FileStat]:
        """What was taken, by path, as the scan saw it; a view that follows."""
        return MappingProxyType(self._sources)

    def take(self, tree_root: str, stat: FileStat, *, hardlink: bool) -> Take:
        """
        Take one file, in place of what was taken under that path before.

        Args:
            tree_root: The root of the tree that `stat` is of.

            stat: The file as the scan saw it.

            hardlink: Whether a hard link keeps its bytes; its source is watched until `seal` all the same.

        Raises:
            DiskFullError: There is no room.

            StateError: The state folder cannot be written.
        """
        target = self.folder / stat.path
        self._clear(stat)
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise our_error(error, f"a folder for {stat.path}", self.folder) from error
        take, method = self._taker.take(tree_root, stat, target, hardlink=hardlink)
        if take is Take.TAKEN:
            self._sources[stat.path] = stat
            if method is Method.HARDLINK:
                self._linked.add(stat.path)
            elif method is Method.REFLINK:
                self._clones[str(target)] = (os.path.join(tree_root, stat.path), stat)  # noqa: PTH118 - text that may hold surrogates
            steps.reached("snapshot.pinned")
        return take

    def drop(self, path: str) -> None:
        """Let go of one file; nothing happens when it was not taken."""
        if self._sources.pop(path, None) is not None:
            self._linked.discard(path)
            self._clones.pop(str(self.folder / path), None)
            (self.folder / path).unlink(missing_ok=True)

    def seal(self, paths: Collection[str], between_chunks: Callable[[], None] = lambda: None) -> Snapshot:
        """
        Make the snapshot durable: hash every file, fsync, write the manifest. After an error it may be tried again.

        Args:
            paths: The files that belong to the checkpoint; others are dropped.

            between_chunks: Called after each MiB that was hashed.

        Raises:
            SourceChangedError: A file was not taken, or is a hard link that the trainer has written to since.

            DiskFullError: There is no room for the manifest.

            StateError: The state folder cannot be read or written.
        """
        if missing := set(paths).difference(self._sources):
            raise SourceChangedError(f"not taken: {', '.join(sorted(missing))}")
        try:
            for path in set(self._sources).difference(paths):
                self.drop(path)
            manifest = Manifest(tuple(self._entry(path, between_chunks) for path in sorted(self._sources)))
            steps.reached("snapshot.hashed")
            for folder in self._folders():
                sync_directory(folder)
            body = {"manifest": manifest.to_json(), "linked": sorted(self._linked)}
            replace_file(self.folder.parent / _MANIFEST, dumps(body).encode("ascii"))
            sync_directory(self.folder.parent.parent)
        except OSError as error:
            raise our_error(error, f"making the snapshot {self.id} durable", self.folder.parent) from error
        steps.reached("snapshot.sealed")
        return Snapshot(str(self.folder), manifest, frozenset(self._linked))

    def discard(self) -> None:
        """Delete everything that was taken, as `SnapshotStore.discard` does."""
        self._sources.clear()
        self._linked.clear()
        _delete(self.folder.parent)

    def _clear(self, stat: FileStat) -> None:
        """Make way for a file: drop what was taken under its path, under a folder of that name, or as a file where it needs a folder."""
        in_the_way = [
            path
            for path in self._sources
            if path == stat.path or path.startswith(f"{stat.path}/") or stat.path.startswith(f"{path}/")
        ]
        for path in in_the_way:
            self.drop(path)
        target = self.folder / stat.path
        if target.is_dir():
            shutil.rmtree(target, ignore_errors=True)

    def _entry(self, path: str, between_chunks: Callable[[], None]) -> ManifestEntry:
        source = self._sources[path]
        try:
            reader = open_regular(self.folder / path)
        except FileNotFoundError as error:
            raise SourceChangedError(f"{path}: our copy of it was deleted") from error
        try:
            linked = path in self._linked
            if not linked:  # the mode of a hard link is the trainer's
                os.fchmod(reader, modes.S_IMODE(os.fstat(reader).st_mode) & 0o444)
            digest = hash_and_sync(reader, between_chunks)
            now = os.fstat(reader)
        finally:
            os.close(reader)
        if (linked and not same_file(now, source)) or now.st_size != source.size:
            raise SourceChangedError(f"{path}: written to after it was taken")
        return ManifestEntry(path, source.size, digest)

    def _folders(self) -> Iterator[Path]:
        """Give every folder of the snapshot, inner ones first."""
        for folder, _, _ in os.walk(self.folder, topdown=False):
            yield Path(folder)


class SnapshotStore:
    """
    The snapshots of one state folder.

    Args:
        folder: Made when the first snapshot is begun.

    Attributes:
        folder: As given.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._taker = Taker()
        self._clones: Clones = {}

    def prepare(self) -> None:
        """
        Make the store's own folder. `begin` does as well, but a durable folder takes longer than the first checkpoint may live.

        Raises:
            DiskFullError: There is no room.

            StateError: The state folder cannot be written.
        """
        try:
            make_directory(self.folder)
        except OSError as error:
            raise our_error(error, "the folder of the snapshots", self.folder) from error

    def begin(self) -> Pin:
        """
        Begin a new snapshot, in a folder that only this user can enter: its files may be more private than they look.

        Raises:
            DiskFullError: There is no room.

            StateError: The state folder cannot be written.
        """
        folder = self.folder / new_ulid()
        try:
            make_directory(self.folder)
            folder.mkdir(mode=0o700)
            (folder / _FILES).mkdir()
        except OSError as error:
            raise our_error(error, "a folder for a snapshot", self.folder) from error
        return Pin(folder, self._taker, self._clones)

    def open(self, identifier: str) -> Snapshot:
        """
        Return a sealed snapshot.

        Raises:
            FileNotFoundError: There is none of that name.

            StateError: Its manifest cannot be read.
        """
        folder = self.folder / identifier
        text = (folder / _MANIFEST).read_bytes()
        try:
            body = loads(text)
            return Snapshot(str(folder / _FILES), Manifest.from_json(body["manifest"]), frozenset(map(str, body["linked"])))
        except (ValueError, KeyError, TypeError) as error:
            raise StateError(f"{folder / _MANIFEST} is damaged", hint="somebody changed files inside the state folder") from error

    def discard(self, identifier: str) -> None:
        """Delete a snapshot; nothing happens when there is none. What cannot be deleted now is left to `collect`."""
        _delete(self.folder / identifier)

    def collect(self, keep: Collection[str]) -> int:
        """
        Delete every snapshot but those in `keep`: leftovers of a crash. Return how many.

        What has no name of ours stays: the state folder may be one that was there before, with somebody's own `snapshots` in it.
        """
        if not self.folder.is_dir():
            return 0
        leftovers = [path for path in self.folder.iterdir() if path.name not in keep and is_ulid(path.name)]
        for path in leftovers:
            _delete(path)
        return len(leftovers)

    def held(self) -> Held:
        """
        Count what the snapshots hold. Files of an earlier process that share blocks with others count in full: nobody noted it.

        Raises:
            StateError: The store cannot be read.
        """
        apparent = added = 0
        links: dict[int, int] = {}  # inode → how many of its names are ours; all snapshots are on one file system
        try:
            for file in self._files():
                with contextlib.suppress(FileNotFoundError):  # another thread discards while we count
                    now = os.lstat(file)
                    ours = links[now.st_ino] = links.get(now.st_ino, 0) + 1
                    apparent += now.st_size
                    if ours == now.st_nlink and not self._shares(file):
                        added += now.st_size
        except OSError as error:
            raise our_error(error, "counting the snapshots", self.folder) from error
        return Held(apparent, added)

    def _files(self) -> Iterator[str]:
        """Give the path of every checkpoint's file, and forget what is noted of those that are gone."""
        files = {
            os.path.join(folder, name)  # noqa: PTH118 - text, as os.walk gives it
            for snapshot in (self.folder.iterdir() if self.folder.is_dir() else ())
            for folder, _, names in os.walk(snapshot / _FILES)
            for name in names
        }
        for gone in set(self._clones).difference(files):
            self._clones.pop(gone, None)
        yield from files

    def _shares(self, file: str) -> bool:
        """Return whether a file's blocks are still those of its source."""
        clone = self._clones.get(file)
        try:
            return clone is not None and same_file(os.lstat(clone[0]), clone[1])
        except OSError:
            return False

    def size_bytes(self) -> int:
        """Return the bytes of all files in the store, hard links included."""
        total = 0
        for folder, _, names in os.walk(self.folder):
            for name in names:
                with contextlib.suppress(FileNotFoundError):  # another thread discards while we count
                    total += Path(folder, name).lstat().st_size
        return total


def _delete(folder: Path) -> None:
    """Delete a snapshot as far as possible, beginning with what makes it one."""
    with contextlib.suppress(OSError):
        (folder / _MANIFEST).unlink(missing_ok=True)
    shutil.rmtree(folder, ignore_errors=True)
