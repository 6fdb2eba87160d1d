"""
Copying a file's bytes and hashing them at the same time.

The kernel copies (which makes a reflink where the file system has them) while a second thread hashes what has arrived in the copy,
so that the digest is of the bytes that are kept and costs no time of its own.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import queue
import threading
from collections.abc import Callable, Iterator

from modelwatch.core.abandon import between_pieces
from modelwatch.core.digest import Digest

_CHUNK_BYTES = 8 << 20
_BUFFER_BYTES = 1 << 20
_THREAD_FROM_BYTES = 256 << 10
_UNSUPPORTED = frozenset(
    {errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOTSOCK, errno.EPERM, errno.ETXTBSY}
)

Advance = Callable[[int], None]
"""Is told the bytes copied since the last call."""


def copy_and_hash(source: int, target: int, size_bytes: int, advance: Advance) -> tuple[Digest, int]:
    """
    Copy from one open file to another until the source ends, and make the copy durable.

    A source that turns out to be longer than expected is not followed as it grows: the copy ends somewhere beyond that size.

    Args:
        source: Open for reading, at its start.

        target: Open for reading and writing, empty.

        size_bytes: What the source is expected to hold.

        advance: As `Advance`.

    Returns:
        The digest of what is in the target now, and its bytes.
    """
    if size_bytes < _THREAD_FROM_BYTES or not hasattr(os, "preadv"):
        return _copy_in_turn(source, target, size_bytes, advance)
    with _hashing(target) as hasher:
        copied = _copy_by_kernel(source, target, size_bytes, hasher.arrived, advance)
        copied += _copy_through_memory(source, target, size_bytes - copied, hasher.arrived, advance)
        hasher.arrived(0)
        os.fsync(target)
    return Digest(hasher.state.hexdigest()), copied


def hash_file(source: int, advance: Advance) -> tuple[Digest, int]:
    """Return the digest of what is left to read of an open file, and its bytes."""
    state = hashlib.sha256()
    total = 0
    while chunk := os.read(source, _BUFFER_BYTES):
        state.update(chunk)
        total += len(chunk)
        advance(len(chunk))
    return Digest(state.hexdigest()), total


def _copy_in_turn(source: int, target: int, size_bytes: int, advance: Advance) -> tuple[Digest, int]:
    state = hashlib.sha256()
    total = 0
    while total <= size_bytes and (chunk := os.read(source, _BUFFER_BYTES)):
        _write_all(target, chunk)
        state.update(chunk)
        total += len(chunk)
        advance(len(chunk))
        between_pieces()
    os.fsync(target)
    return Digest(state.hexdigest()), total


def _write_all(target: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(target, view) :]


def _copy_by_kernel(source: int, target: int, size_bytes: int, arrived: Advance, advance: Advance) -> int:
    """Copy as far as the kernel does it; both files stand after the last byte copied."""
    copied = 0
    for copy in (_copy_file_range, _sendfile):
        try:
            while copied <= size_bytes and (count := copy(source, target)):
                copied += count
                arrived(count)
                advance(count)
                between_pieces()
        except OSError as error:
            if error.errno not in _UNSUPPORTED:
                raise
        else:
            break
    return copied


def _copy_file_range(source: int, target: int) -> int:
    return os.copy_file_range(source, target, _CHUNK_BYTES) if hasattr(os, "copy_file_range") else 0


def _sendfile(source: int, target: int) -> int:
    count = os.sendfile(target, source, os.lseek(source, 0, os.SEEK_CUR), _CHUNK_BYTES) if hasattr(os, "sendfile") else 0
    os.lseek(source, count, os.SEEK_CUR)
    return count


def _copy_through_memory(source: int, target: int, size_bytes: int, arrived: Advance, advance: Advance) -> int:
    """Copy the rest: all of it where the kernel does not copy, and nothing when it has (some file systems claim an early end)."""
    copied = 0
    while copied <= size_bytes and (chunk := os.read(source, _BUFFER_BYTES)):
        _write_all(target, chunk)
        copied += len(chunk)
        arrived(len(chunk))
        advance(len(chunk))
        between_pieces()
    return copied


class _Hasher:
    """
    Hashes a growing file in a thread of its own.

    Attributes:
        state: The hash of what has been read; complete once the thread has ended.
    """

    def __init__(self, descriptor: int) -> None:
        self.state = hashlib.sha256()
        self._descriptor = descriptor
        self._lengths: queue.SimpleQueue[int] = queue.SimpleQueue()
        self._error: OSError | None = None
        self._thread = threading.Thread(target=self._run, name="hash")

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def arrived(self, count: int) -> None:
        """Say that `count` more bytes are in the file; 0 says that it is whole."""
        self._lengths.put(count)

    def finish(self) -> None:
        """Wait until all that arrived is hashed. Raise what stopped the thread."""
        self._lengths.put(0)
        self._thread.join()
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        try:
            self._read()
        except OSError as error:
            self._error = error

    def _read(self) -> None:
        buffer = memoryview(bytearray(_BUFFER_BYTES))
        offset = 0
        while length := self._lengths.get():
            end = offset + length
            while offset < end:
                count = os.preadv(self._descriptor, [buffer[: min(_BUFFER_BYTES, end - offset)]], offset)
                if not count:
                    raise OSError(errno.EIO, "the copy became shorter while it was hashed")
                self.state.update(buffer[:count])
                offset += count


@contextlib.contextmanager
def _hashing(descriptor: int) -> Iterator[_Hasher]:
    hasher = _Hasher(descriptor)
    hasher.start()
    try:
        yield hasher
    except BaseException:
        with contextlib.suppress(OSError):  # the error that stopped the copy is the one to tell
            hasher.finish()
        raise
    hasher.finish()
