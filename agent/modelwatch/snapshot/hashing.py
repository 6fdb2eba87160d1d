"""Hashing what an open file holds."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable

from modelwatch.core.digest import Digest

_CHUNK_BYTES = 1 << 20


def hash_open_file(descriptor: int, between_chunks: Callable[[], None]) -> Digest:
    """Return the digest of everything in an open file, calling `between_chunks` after each MiB. Raise OSError when it cannot be read."""
    state = hashlib.sha256()
    os.lseek(descriptor, 0, os.SEEK_SET)
    while chunk := os.read(descriptor, _CHUNK_BYTES):
        state.update(chunk)
        between_chunks()
    return Digest(state.hexdigest())
