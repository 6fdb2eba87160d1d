"""
Reaching what is below a folder that somebody else owns, without ever leaving it.

A path like ``a/b/c`` is opened part by part, each relative to the one before and none through a symbolic link: whatever is renamed or
replaced meanwhile, what is opened was below the folder. It also reaches paths that are longer than the system takes in one call.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

_ROOT_FLAGS = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_CLOEXEC", 0)
_BELOW_FLAGS = _ROOT_FLAGS | getattr(os, "O_NOFOLLOW", 0)


@contextlib.contextmanager
def directory_below(root: str, path: str) -> Iterator[int]:
    """
    Hold a descriptor of the directory `path` below `root`.

    Args:
        root: Absolute path. Symbolic links in it are followed.

        path: Relative, parts separated by ``/``; empty for the root itself.

    Raises:
        FileNotFoundError: It is not there (any more).

        NotADirectoryError: It, or a part of the way to it, is something else; with O_NOFOLLOW and O_DIRECTORY a symbolic link too.

        OSError: It cannot be opened.
    """
    descriptor = os.open(root, _ROOT_FLAGS)
    try:
        for part in path.split("/") if path else ():
            inner = os.open(part, _BELOW_FLAGS, dir_fd=descriptor)
            os.close(descriptor)
            descriptor = inner
        yield descriptor
    finally:
        os.close(descriptor)
