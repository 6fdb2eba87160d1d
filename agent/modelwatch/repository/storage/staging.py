"""
Content that arrives in pieces, over connections that break: a file in staging until its last byte is there and its digest is right.

The file's name holds all that is known of the upload, so that one begun before a restart goes on after it: nothing else is kept.
No lock of the repository is held between two pieces; garbage collection leaves such a file alone for a day after its last piece.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from modelwatch.core.digest import Digest
from modelwatch.core.durable import make_directory, sync_file
from modelwatch.core.errors import NotFoundError, PermanentError, TransientError
from modelwatch.core.lock import LockedError, locked
from modelwatch.core.steps import reached
from modelwatch.repository.layout import LOCK, STAGED_UPLOAD, STAGING
from modelwatch.repository.storage.directory import DirectoryStorage, failures_are_transient

_IDENTIFIER = re.compile(r"[0-9a-f]{32}-(?P<size>[0-9]{1,19})(?:-(?P<hex>[0-9a-f]{64}))?\Z")
_BUFFER_BYTES = 1 << 20
_BUSY_SECONDS = 1.0


class OffsetError(PermanentError):
    """
    A piece does not begin where the content that is there ends.

    Args:
        message: As every error's.

        offset: Where it ends: the next piece begins there.
    """

    def __init__(self, message: str, *, offset: int) -> None:
        super().__init__(message, hint="ask how much is there, and go on from it")
        self.offset = offset


def _path(storage: DirectoryStorage, identifier: str) -> Path:
    return storage.path(f"{STAGING}/{STAGED_UPLOAD}{identifier}")


class StagedUpload:
    """
    One upload, open for writing and held by this object alone. A context manager; closing it keeps what is there.

    Attributes:
        identifier: Finds it again, after a restart too. Nobody can guess it.
        digest: What the content must have, or None when it is to be found out: a browser cannot hash a large file.
        size: Bytes that it must have.
    """

    def __init__(self, storage: DirectoryStorage, identifier: str) -> None:
        match = _IDENTIFIER.match(identifier)
        if match is None:
            raise NotFoundError(f"there is no upload {identifier!r}")
        self.identifier = identifier
        self.digest = None if match["hex"] is None else Digest(match["hex"])
        self.size = int(match["size"])
        self._storage = storage
        self._path = _path(storage, identifier)
        self._state = hashlib.sha256()
        self._offset = 0
        self._descriptor = -1
        self._held = contextlib.ExitStack()

    @classmethod
    def create(cls, storage: DirectoryStorage, digest: Digest | None, size: int) -> Self:
        """Begin an upload of content that is known by size, and by digest if possible. Raise TransientError when it cannot be written."""
        upload = cls(storage, f"{os.urandom(16).hex()}-{size}" + ("" if digest is None else f"-{digest.hex}"))
        with failures_are_transient(storage.root):
            make_directory(storage.path(STAGING))
            upload._open()
        return upload

    @classmethod
    def resume(cls, storage: DirectoryStorage, identifier: str) -> Self:
        """
        Go on with an upload, having read what is there already.

        Raises:
            NotFoundError: There is none: it is finished, was discarded, or lay untouched for too long.

            TransientError: Somebody else writes to it, or the repository cannot be read now.
        """
        upload = cls(storage, identifier)
        with failures_are_transient(storage.root):
            if not cls.is_there(storage, identifier):
                raise NotFoundError(f"there is no upload {identifier!r}", hint="begin it again")
            upload._open()
        return upload

    @staticmethod
    def is_there(storage: DirectoryStorage, identifier: str) -> bool:
        """Return whether the content of an upload is in staging, whoever writes to it. Raise TransientError when that cannot be told now."""
        with failures_are_transient(storage.root):
            return _path(storage, identifier).is_file()

    def _open(self) -> None:
        with contextlib.ExitStack() as stack:
            try:
                stack.enter_context(locked(self._path, wait=False))
            except LockedError as error:
                raise TransientError(
                    f"upload {self.identifier} is being written by another request", retry_after_seconds=_BUSY_SECONDS
                ) from error
            flags = os.O_RDWR | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
            self._descriptor = os.open(self._path, flags)
            stack.callback(os.close, self._descriptor)
            while chunk := os.read(self._descriptor, _BUFFER_BYTES):
                self._state.update(chunk)
                self._offset += len(chunk)
            self._held = stack.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self.close()

    @property
    def is_closed(self) -> bool:
        """Whether it has let go of the content."""
        return self._descriptor < 0

    @property
    def offset(self) -> int:
        """Bytes that are there."""
        return self._offset

    def append(self, offset: int, data: bytes) -> None:
        """
        Write the next piece. It survives the end of this process; `sync` makes it survive a power cut.

        Raises:
            OffsetError: `offset` is not where the content ends, or there would be more of it than was announced. Nothing is written.

            TransientError: The repository cannot be written now; `offset` tells how much of the piece was.
        """
        if offset != self._offset:
            raise OffsetError(f"upload {self.identifier} continues at {self._offset}, not at {offset}", offset=self._offset)
        if offset + len(data) > self.size:
            raise OffsetError(f"upload {self.identifier} has {self.size} bytes, not {offset + len(data)}", offset=self._offset)
        view = memoryview(data)
        with failures_are_transient(self._storage.root):
            while view:
                count = os.write(self._descriptor, view)
                self._state.update(view[:count])
                self._offset += count
                view = view[count:]

    def sync(self) -> None:
        """Make what was appended survive a power cut. Call at the end of a request. Raise TransientError."""
        with failures_are_transient(self._storage.root):
            sync_file(self._descriptor)
        reached("repository.upload-synced")

    def finish(self) -> Digest:
        """
        Make the content a blob, durable when this returns, close, and return its digest.

        From now on it counts as written: garbage collection leaves it alone until the registration that needs it has had time to come.

        Raises:
            OffsetError: Bytes are missing; more can be appended.

            PermanentError: The digest is another one. The content is discarded.

            NotFoundError: The file is gone: garbage collection found it untouched for too long.

            TransientError: The repository cannot be written now.
        """
        if self._offset != self.size:
            raise OffsetError(f"upload {self.identifier} has {self._offset} of {self.size} bytes", offset=self._offset)
        found = Digest(self._state.hexdigest())
        if self.digest is not None and found != self.digest:
            self.discard()
            raise PermanentError(f"the content has the digest {found}, not {self.digest}", hint="send it again")
        with failures_are_transient(self._storage.root), self._storage.locked(LOCK, shared=True):
            if not self.is_still_there():
                self.close()
                raise NotFoundError(f"there is no upload {self.identifier!r}", hint="begin it again")
            os.utime(self._path, (time.time(), time.time()))
            sync_file(self._descriptor)
            reached("repository.upload-whole")
            self._storage.adopt_blob(self._path, found)
            reached("repository.blob-stored")
            self._storage.sync_blobs(frozenset({found}))
        self.close()
        return found

    def is_still_there(self) -> bool:
        """Return whether garbage collection has left what is written to where it can be finished."""
        try:
            return os.path.samestat(os.fstat(self._descriptor), self._path.lstat())
        except FileNotFoundError:
            return False

    def discard(self) -> None:
        """Remove the content and close. Raise TransientError."""
        with failures_are_transient(self._storage.root):
            self._path.unlink(missing_ok=True)
        self.close()

    def close(self) -> None:
        """Let go of it; what is there stays. A second call does nothing."""
        self._descriptor = -1
        self._held.close()
