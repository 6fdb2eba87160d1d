"""Locks between processes, held on an open file: they go when their holder dies, however it dies."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows, where people run `modelwatch models`
    import msvcrt

    def _lock(descriptor: int, *, shared: bool, wait: bool) -> None:
        del shared  # msvcrt knows exclusive locks only
        msvcrt.locking(descriptor, msvcrt.LK_LOCK if wait else msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore] # typeshed shows msvcrt's functions on Windows only
else:

    def _lock(descriptor: int, *, shared: bool, wait: bool) -> None:
        kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
        fcntl.flock(descriptor, kind if wait else kind | fcntl.LOCK_NB)


class LockedError(Exception):
    """Somebody else holds the lock."""


@contextlib.contextmanager
def locked(path: Path, *, shared: bool = False, wait: bool = True) -> Iterator[None]:
    """
    Hold a lock on the file at `path`, which is made if missing and stays afterwards.

    Args:
        path: The lock file; its directory must exist.

        shared: Let others hold it shared at the same time.

        wait: Wait for the holder to let go.

    Raises:
        LockedError: `wait` is false and somebody else holds it.

        OSError: The file cannot be made.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o666)
    try:
        try:
            _lock(descriptor, shared=shared, wait=wait)
        except (BlockingIOError, PermissionError) as error:
            raise LockedError(str(path)) from error
        yield
    finally:
        os.close(descriptor)
