"""
What one walk of a directory saw.

A `FileTree` is a value: the walk makes it, recognition reads it, nothing on disk is asked again. Paths are relative to the root,
separated by ``/``; names that are not UTF-8 are held with surrogate escapes (PEP 383).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, order=True)
class FileStat:
    """
    One regular file as a walk saw it.

    Attributes:
        path: Relative to the tree's root.
        size: Bytes.
        mtime_ns: Nanoseconds since the epoch. Not monotonic: a copy may set it back.
        inode: Changes when the file is replaced by a rename.
    """

    path: str
    size: int
    mtime_ns: int
    inode: int

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path.rpartition("/")[2]

    @property
    def directory(self) -> str:
        """The path of the directory that holds the file; empty for the root."""
        return self.path.rpartition("/")[0]


@dataclass(frozen=True, slots=True)
class Directory:
    """
    The entries of one directory.

    Attributes:
        files: Regular files by name.
        subdirectories: Names of directories, sorted.
        mtime_ns: The directory's own modification time.
    """

    files: Mapping[str, FileStat]
    subdirectories: tuple[str, ...] = ()
    mtime_ns: int = 0


@dataclass(frozen=True, slots=True, order=True)
class Skipped:
    """
    An entry that is not looked at, and why.

    Attributes:
        path: Relative to the tree's root.
        reason: For people: ``symbolic link, not followed``, ``FIFO``, ``permission denied``, …
    """

    path: str
    reason: str


def join(directory: str, name: str) -> str:
    """Return the path of `name` in `directory`, either of which may be relative to a tree's root."""
    return f"{directory}/{name}" if directory else name


@dataclass(frozen=True, slots=True)
class FileTree:
    """
    All regular files below a root.

    Attributes:
        root: Absolute path of the directory that was walked, symbolic links resolved.
        directories: Every directory by its path; the root's own path is the empty string.
        skipped: Entries that are neither regular files nor directories that could be read.
    """

    root: str
    directories: Mapping[str, Directory]
    skipped: tuple[Skipped, ...] = field(default=())

    def get(self, path: str) -> FileStat | None:
        """Return the file at `path`, or None."""
        directory, _, name = path.rpartition("/")
        listing = self.directories.get(directory)
        return None if listing is None else listing.files.get(name)

    def files_in(self, directory: str) -> Mapping[str, FileStat]:
        """Return the files directly in `directory` by name; empty if there is no such directory."""
        listing = self.directories.get(directory)
        return {} if listing is None else listing.files

    def subdirectories_of(self, directory: str) -> tuple[str, ...]:
        """Return the names of the directories directly in `directory`."""
        listing = self.directories.get(directory)
        return () if listing is None else listing.subdirectories

    def files_below(self, directory: str) -> Iterator[FileStat]:
        """Give every file in `directory` and below it, in path order within each directory, however deep it goes."""
        pending = [directory]
        while pending:
            path = pending.pop()
            listing = self.directories.get(path)
            if listing is None:
                continue
            for name in sorted(listing.files):
                yield listing.files[name]
            pending.extend(join(path, name) for name in reversed(listing.subdirectories))

    def file_count(self) -> int:
        """Return how many regular files there are."""
        return sum(len(listing.files) for listing in self.directories.values())
