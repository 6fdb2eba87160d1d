"""Hashing what an open file holds, and making it durable meanwhile."""

from __future__ import annotations

import contextlib
import hashlib
import os
import threading
from collections.abc import Callable, Iterator

from modelwatch.core.abandon import between_pieces
from modelwatch.core.digest import Digest
from modelwatch.core.durable import sync_file

_CHUNK_BYTES = 1 << 20
_THREAD_FROM_BYTES = 8 << 20
"""From here on the disk takes long enough for a thread to be worth it."""


def hash_open_file(descriptor: int, between_chunks: Callable[[], None]) -> Digest:
    """Return the digest of everything in an open file, calling `between_chunks` after each MiB. Raise OSError when it cannot be read."""
    state = hashlib.sha256()
    os.lseek(descriptor, 0, os.SEEK_SET)
    while chunk := os.read(descriptor, _CHUNK_BYTES):
        state.update(chunk)
        between_chunks()
        between_pieces()
    return Digest(state.hexdigest())


def hash_and_sync(descriptor: int, between_chunks: Callable[[], None]) -> Digest:
    """Return what `hash_open_file` returns, with the file durable. Raise OSError when it can be neither read nor made so."""
    if os.fstat(descriptor).st_size < _THREAD_FROM_BYTES:
        sync_file(descriptor)
        return hash_open_file(descriptor, between_chunks)
    with _synced_meanwhile(descriptor):
        return hash_open_file(descriptor, between_chunks)


@contextlib.contextmanager
def _synced_meanwhile(descriptor: int) -> Iterator[None]:
    failures: list[OSError] = []

    def sync() -> None:
        try:
            sync_file(descriptor)
        except OSError as error:
            failures.append(error)

    thread = threading.Thread(target=sync, name="modelwatch-sync", daemon=False)
    thread.start()
    try:
        yield
    finally:
        thread.join()
    if failures:
        raise failures[0]
