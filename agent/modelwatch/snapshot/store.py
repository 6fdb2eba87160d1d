"""
Snapshots: our own copies of checkpoints, in one folder for each.

    <state>/snapshots/<ulid>/files/…         the files, under the paths that they have in the model path
    <state>/snapshots/<ulid>/manifest.json   written last: without it the snapshot is a leftover of a crash
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Collection, Mapping
from pathlib import Path

from modelwatch.core import steps
from modelwatch.core.durable import make_directory, replace_file, sync_directory
from modelwatch.core.entities import Manifest, ManifestEntry, Snapshot
from modelwatch.core.files import RegularFile
from modelwatch.core.identifiers import new_ulid
from modelwatch.core.json import dumps, loads
from modelwatch.core.tree import FileStat
from modelwatch.snapshot.take import SourceChangedError, Take, hash_file, take_file


class Pin:
    """
    A snapshot in the making: files taken as soon as they were seen, not yet hashed.

    Attributes:
        id: The snapshot's name in its store.
        folder: Absolute path that the files' paths are relative to.
        sources: What was taken, by path, as the scan saw it.
    """

    def __init__(self, folder: Path) -> None:
        self.id = folder.name
        self.folder = folder / "files"
        self.sources: dict[str, FileStat] = {}
        self._linked: set[str] = set()

    def take(self, tree_root: str, stat: FileStat, *, hardlink: bool) -> Take:
        """Take one file of the tree, in place of what was taken under that path before. Raise DiskFullError."""
        self.drop(stat.path)
        target = self.folder / stat.path
        target.parent.mkdir(parents=True, exist_ok=True)
        take, linked = take_file(Path(tree_root, stat.path), stat, target, hardlink=hardlink)
        if take is not Take.TAKEN:
            target.unlink(missing_ok=True)
            return take
        self.sources[stat.path] = stat
        if linked:
            self._linked.add(stat.path)
        steps.reached("snapshot.pinned")
        return take

    def drop(self, path: str) -> None:
        """Let go of one file."""
        if self.sources.pop(path, None) is not None:
            (self.folder / path).unlink(missing_ok=True)
            self._linked.discard(path)

    def seal(self, paths: Collection[str], between_chunks: Callable[[], None] = lambda: None) -> Snapshot:
        """
        Make the snapshot durable: hash every file, fsync, write the manifest.

        Args:
            paths: The files that belong to the checkpoint; others are dropped.

            between_chunks: Called now and then while hashing.

        Raises:
            SourceChangedError: A file was not taken, or one that is a hard link was written to by the trainer since.

            DiskFullError, OSError: It cannot be written.
        """
        for path in set(self.sources) - set(paths):
            self.drop(path)
        missing = set(paths) - set(self.sources)
        if missing:
            raise SourceChangedError(f"not taken: {', '.join(sorted(missing))}")
        entries = []
        for path in sorted(paths):
            stat = self.sources[path]
            with RegularFile(self.folder / path) as file:
                digest = hash_file(file, between_chunks)
                os.fsync(file.fileno())
                now = file.stat()
                if path in self._linked and (now.st_size, now.st_mtime_ns) != (stat.size, stat.mtime_ns):
                    raise SourceChangedError(f"{path}: written in place")
            entries.append(ManifestEntry(path, stat.size, digest))
        steps.reached("snapshot.hashed")
        for folder, _, _ in os.walk(self.folder):
            sync_directory(folder)
        manifest = Manifest(tuple(entries))
        body = {"manifest": manifest.to_json(), "linked": sorted(self._linked)}
        replace_file(self.folder.parent / "manifest.json", dumps(body).encode("ascii"))
        sync_directory(self.folder.parent.parent)
        steps.reached("snapshot.sealed")
        return Snapshot(str(self.folder), manifest, frozenset(self._linked))

    def discard(self) -> None:
        """Delete everything that was taken."""
        shutil.rmtree(self.folder.parent, ignore_errors=True)
        self.sources.clear()


class SnapshotStore:
    """
    The snapshots of one state folder.

    Args:
        folder: Made when the first snapshot is begun.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def begin(self) -> Pin:
        """Begin a new snapshot."""
        make_directory(self._folder)
        folder = self._folder / new_ulid()
        (folder / "files").mkdir(parents=True)
        return Pin(folder)

    def open(self, identifier: str) -> Snapshot:
        """Return a sealed snapshot. Raise FileNotFoundError when there is none."""
        folder = self._folder / identifier
        body: Mapping[str, object] = loads((folder / "manifest.json").read_bytes())
        linked = body["linked"]
        if not isinstance(linked, list):
            raise FileNotFoundError(folder)
        return Snapshot(str(folder / "files"), Manifest.from_json(body["manifest"]), frozenset(linked))

    def discard(self, identifier: str) -> None:
        """Delete a snapshot; nothing happens when there is none."""
        shutil.rmtree(self._folder / identifier, ignore_errors=True)

    def collect(self, keep: Collection[str]) -> int:
        """Delete every snapshot but those in `keep`. Return how many."""
        if not self._folder.is_dir():
            return 0
        leftovers = [path for path in self._folder.iterdir() if path.name not in keep]
        for path in leftovers:
            shutil.rmtree(path, ignore_errors=True)
        return len(leftovers)

    def size_bytes(self) -> int:
        """Return the bytes of all files in the store."""
        return sum(path.stat().st_size for path in self._folder.rglob("*") if path.is_file())
