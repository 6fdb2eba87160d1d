"""
A repository's keys on a directory. Standard library only; every write is durable when it returns.

Names that start with a dot are ours alone (locks, files being written) and are never listed.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

from modelwatch.core.digest import Digest
from modelwatch.core.durable import create_file, link_exclusively, make_directory, remove_file, replace_file, sync_directory
from modelwatch.core.errors import PermanentError, StateError, TransientError
from modelwatch.core.files import NotARegularFileError, open_regular, read_whole
from modelwatch.core.lock import locked
from modelwatch.core.privacy import granted, shared_group
from modelwatch.repository.layout import BLOBS, STAGED_UPLOAD, STAGING, blob_key
from modelwatch.repository.storage.copying import Advance, copy_and_hash

_LARGEST_DOCUMENT_BYTES = 1 << 29  # fits SQLite's largest value, for an index
_NO_LINK = frozenset({errno.EXDEV, errno.EPERM, errno.EACCES, errno.EMLINK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS})
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_PASSING = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EIO, errno.ESTALE, errno.ETIMEDOUT})


class ChangedError(Exception):
    """A file's bytes changed while they were read, or are not the ones expected."""


def _ignore(_count: int) -> None:
    """Tell nobody about progress."""


@contextlib.contextmanager
def failures_are_transient(root: Path) -> Iterator[None]:
    """Turn a failing file system below `root` into TransientError: a full disk, a lost mount, a missing permission may all heal."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise TransientError(f"the disk that holds the repository {root} is full", hint="make room; nothing is lost") from error
        raise TransientError(f"the repository {root} cannot be written: {error.strerror}") from error


@contextlib.contextmanager
def failures_are_of_state(root: Path) -> Iterator[None]:
    """Turn a file system below `root` that cannot be read into StateError, for people who only look."""
    try:
        yield
    except OSError as error:
        raise StateError(f"the repository {root} cannot be read: {error.strerror}", hint="may this user read it?") from error


def _make_private(target: int, source: os.stat_result) -> int:
    """Let only those read a copy who may read its source, as far as the umask let them, and nobody write it; return its mode."""
    made = os.fstat(target)
    mode = stat.S_IMODE(made.st_mode) & granted(source, made.st_gid) & 0o444
    if hasattr(os, "fchmod"):  # not on Windows
        os.fchmod(target, mode)
    return mode


class DirectoryStorage:
    """
    Documents and blobs by key below one directory. Holds nothing open.

    Attributes:
        root: Absolute path of the directory.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def path(self, key: str) -> Path:
        """Return where a key is."""
        return self.root / key

    # ------------------------------------------------------------------------------------------------------------ documents

    def read(self, key: str) -> bytes | None:
        """Return a document, or None when there is none. Raise OSError when it cannot be read."""
        try:
            return read_whole(f"{self.root}/{key}", limit_bytes=_LARGEST_DOCUMENT_BYTES)
        except (FileNotFoundError, NotADirectoryError):
            return None

    def has(self, key: str) -> bool:
        """Return whether there is a document, whole or not."""
        return self.path(key).exists()

    def names(self, prefix: str) -> list[str]:
        """Return the names directly below a prefix, sorted; empty when there is no such prefix."""
        try:
            with os.scandir(f"{self.root}/{prefix}") as entries:
                return sorted(entry.name for entry in entries if not entry.name.startswith("."))
        except (FileNotFoundError, NotADirectoryError):
            return []

    def changed_ns(self, prefix: str) -> int | None:
        """Return when a name directly below a prefix last came or went, in ns since the epoch; None when there is no such prefix."""
        try:
            return os.stat(f"{self.root}/{prefix}").st_mtime_ns  # noqa: PTH116 - asked thousands of times; a Path costs as much again
        except (FileNotFoundError, NotADirectoryError):
            return None

    def same_file_names(self, prefix: str, key: str) -> list[str]:
        """Return the names directly below a prefix that are hard links of the document at `key`; empty where that cannot be told."""
        try:
            inode = self.path(key).stat().st_ino
            with os.scandir(f"{self.root}/{prefix}") as entries:
                return [entry.name for entry in entries if inode and entry.inode() == inode]
        except (FileNotFoundError, NotADirectoryError):
            return []

    def create(self, key: str, data: bytes) -> bool:
        """Write a document unless its key is taken; return whether this call wrote it."""
        path = self.path(key)
        make_directory(path.parent)
        return create_file(path, data)

    def replace(self, key: str, data: bytes | Iterable[bytes]) -> None:
        """Write a document, whole or in pieces, over whatever is there, in one step."""
        path = self.path(key)
        make_directory(path.parent)
        replace_file(path, data)

    def remove(self, key: str) -> bool:
        """Remove a document; return whether there was one."""
        return remove_file(self.path(key))

    def link(self, source_key: str, target_key: str) -> bool:
        """Give a document a second key unless that is taken; return whether this call did."""
        target = self.path(target_key)
        make_directory(target.parent)
        if not link_exclusively(self.path(source_key), target):
            return False
        sync_directory(target.parent)
        return True

    @contextlib.contextmanager
    def locked(self, key: str, *, shared: bool = False, wait: bool = True) -> Iterator[None]:
        """Hold the lock at `key`. Raise `modelwatch.core.lock.LockedError` when it is taken and `wait` is false."""
        path = self.path(key)
        make_directory(path.parent)
        with locked(path, shared=shared, wait=wait):
            yield

    # ---------------------------------------------------------------------------------------------------------------- blobs

    def blob_path(self, digest: Digest) -> Path:
        """Return where a blob is, or would be."""
        return self.path(blob_key(digest))

    def has_blob(self, digest: Digest, size_bytes: int) -> bool:
        """Return whether a blob is there, whole."""
        try:
            return self.blob_path(digest).stat().st_size == size_bytes
        except FileNotFoundError:
            return False

    def open_blob(self, digest: Digest) -> io.BufferedReader:
        """Open a blob for reading. Raise FileNotFoundError when it is not there, OSError when it cannot be read."""
        return os.fdopen(open_regular(self.blob_path(digest)), "rb")

    def link_blob(self, source: Path, digest: Digest, size_bytes: int) -> bool:
        """
        Make a durable file that nobody writes any more a blob, without copying it.

        Returns:
            Whether that was possible. The blob's directory entry is durable after `sync_blobs`.
        """
        target = self.blob_path(digest)
        make_directory(target.parent)
        try:
            if source.lstat().st_size != size_bytes or not self._share(source):
                return False
            os.link(source, target, follow_symlinks=False)
        except FileExistsError:
            return self.has_blob(digest, size_bytes)
        except (OSError, NotImplementedError) as error:
            if isinstance(error, OSError) and error.errno not in _NO_LINK and not isinstance(error, FileNotFoundError):
                raise
            return False
        return True

    def put_blob(self, source: Path, *, expected: Digest | None = None, advance: Advance = _ignore) -> tuple[Digest, int]:
        """
        Copy a file's bytes into a blob.

        Args:
            source: A regular file.

            expected: The digest that it must have, if that is known.

            advance: Is told the bytes copied since the last call.

        Returns:
            Digest and bytes. The content is durable; its directory entry is after `sync_blobs`.

        Raises:
            ChangedError: The file changed meanwhile, or has another digest than `expected`.

            PermanentError: It is not there, not a regular file or unreadable.

            TransientError: It cannot be opened now, for want of descriptors or memory, or because its disk is away.

            OSError: The repository cannot be written.
        """
        try:
            descriptor = open_regular(source)
        except NotARegularFileError as error:
            raise PermanentError(f"{source}: not a regular file") from error
        except OSError as error:
            kind = TransientError if error.errno in _PASSING else PermanentError
            raise kind(f"{source}: cannot be read: {error.strerror}") from error
        try:
            return self._copy_blob(descriptor, source, expected, advance)
        finally:
            os.close(descriptor)

    def _copy_blob(self, descriptor: int, source: Path, expected: Digest | None, advance: Advance) -> tuple[Digest, int]:
        before = os.fstat(descriptor)
        make_directory(self.path(STAGING))
        staged = self.path(f"{STAGING}/{os.getpid()}-{os.urandom(8).hex()}")
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
        target = os.open(staged, flags, 0o666)
        try:
            try:
                digest, size = copy_and_hash(descriptor, target, before.st_size, advance)
                mode = _make_private(target, before)
                self._share(staged)
            finally:
                os.close(target)
            after = os.fstat(descriptor)
            if (size, after.st_size, after.st_mtime_ns) != (before.st_size, before.st_size, before.st_mtime_ns):
                raise ChangedError(f"{source} changed while it was copied")
            if expected is not None and digest != expected:
                raise ChangedError(f"{source} holds {digest}, not the {expected} it was sealed with")
            if not self.has_blob(digest, size):
                self.adopt_blob(staged, digest)
            else:
                self.widen_blob(digest, mode)
        finally:
            staged.unlink(missing_ok=True)
        return digest, size

    def widen_blob(self, digest: Digest, mode: int) -> None:
        """Let those read a blob, too, who may read another file of the same content. Does nothing where the blob is another user's."""
        path = self.blob_path(digest)
        with contextlib.suppress(OSError):
            now = stat.S_IMODE(path.lstat().st_mode)
            if mode & 0o444 & ~now:
                path.chmod(now | mode & 0o444)

    def _share(self, path: Path) -> bool:
        """Let the group read a file of ours that the repository is shared with, if it is with any; return whether it may."""
        group = None if os.name == "nt" else shared_group(self.root.stat())
        if group is None:
            return True
        try:
            if path.lstat().st_gid != group:
                os.chown(path, -1, group, follow_symlinks=False)
            path.chmod(stat.S_IMODE(path.lstat().st_mode) | stat.S_IRGRP)
        except PermissionError:  # it is another user's, or we are not in that group
            return False
        return True

    def adopt_blob(self, staged: Path, digest: Digest) -> None:
        """
        Rename a durable file in staging, whose digest was looked at, to its blob; `sync_blobs` makes that durable.

        Replacing a blob by the same bytes is harmless, and heals one that was cut short.
        """
        target = self.blob_path(digest)
        make_directory(target.parent)
        staged.replace(target)

    def sync_blobs(self, digests: frozenset[Digest]) -> None:
        """Make the directory entries of blobs durable."""
        for directory in {self.blob_path(digest).parent for digest in digests}:
            sync_directory(directory)

    def blobs(self) -> Iterator[Digest]:
        """Give every blob there is."""
        for fan in self.names(BLOBS):
            for name in self.names(f"{BLOBS}/{fan}"):
                with contextlib.suppress(ValueError):  # somebody else's file: not a blob
                    yield Digest(name)

    def blob_written(self, digest: Digest) -> float:
        """Return when a blob was written, in seconds since the epoch; 0 when it is gone."""
        try:
            return self.blob_path(digest).stat().st_mtime
        except FileNotFoundError:
            return 0.0

    def remove_blob(self, digest: Digest) -> int:
        """Remove a blob; return the bytes it had, 0 when it was gone."""
        path = self.blob_path(digest)
        try:
            size = path.stat().st_size
            path.unlink()
        except FileNotFoundError:
            return 0
        return size

    def remove_leftovers(self, *, uploads_before: float) -> None:
        """Remove what killed writers left half-written, and uploads untouched since a time. Only while nobody holds the lock."""
        for name in self.names(STAGING):
            path = self.path(f"{STAGING}/{name}")
            with contextlib.suppress(FileNotFoundError):
                if not name.startswith(STAGED_UPLOAD) or path.lstat().st_mtime < uploads_before:
                    path.unlink()
        for directory, _, names in os.walk(self.path("models")):
            for name in names:
                if name.startswith(".") and name.endswith(".tmp"):
                    Path(directory, name).unlink(missing_ok=True)
