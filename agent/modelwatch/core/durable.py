"""
The only durable writes of the program.

A durable write is: a temporary file in the same directory, write, fsync, rename or link into place, fsync of the directory.
After it returns, the file is there whole after a power cut; before, nothing of it is visible under its name.
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

_MODE = 0o666  # the umask decides, as for any file that the user makes


def sync_directory(path: Path | str) -> None:
    """Make the entries of a directory durable. Does nothing where directories cannot be opened (Windows)."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except PermissionError:
        if os.name == "nt":
            return
        raise
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_file(descriptor: int) -> None:
    """Make the content of an open file durable: for contents too large to pass through here as bytes."""
    os.fsync(descriptor)


def make_directory(path: Path) -> None:
    """Create `path` and its missing parents, each made durable in its parent."""
    if path.is_dir():
        return
    make_directory(path.parent)
    try:
        path.mkdir()
    except FileExistsError:
        if not path.is_dir():
            raise
        return
    sync_directory(path.parent)


@contextlib.contextmanager
def _temporary(path: Path, pieces: Iterable[bytes], mode: int = _MODE) -> Iterator[Path]:
    """Give a durable temporary file beside `path` that holds the `pieces`; it is gone afterwards if it was not moved."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{os.urandom(4).hex()}.tmp")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0), mode)
    try:
        try:
            for piece in pieces:
                view = memoryview(piece)
                while view:
                    view = view[os.write(descriptor, view) :]
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)


def replace_file(path: Path, data: bytes | Iterable[bytes]) -> None:
    """Write `data`, whole or in pieces, to `path`, replacing what was there in one step."""
    with _temporary(path, (data,) if isinstance(data, bytes) else data) as temporary:
        temporary.replace(path)
        sync_directory(path.parent)


def create_file(path: Path, data: bytes, *, mode: int = _MODE) -> bool:
    """
    Write `data` to `path` unless something is there already.

    Args:
        path: Where.

        data: What.

        mode: Who may do what with the file, less the umask.

    Returns:
        Whether this call created it. Of several callers at once, exactly one gets True.
    """
    with _temporary(path, (data,), mode) as temporary:
        created = link_exclusively(temporary, path)
        sync_directory(path.parent)
        return created


def remove_file(path: Path) -> bool:
    """Remove a file. Return whether there was one."""
    try:
        path.unlink()
    except FileNotFoundError:
        return False
    sync_directory(path.parent)
    return True


def link_exclusively(source: Path, target: Path) -> bool:
    """
    Give a durable file a second name, unless that name is taken.

    File systems without hard links (many FUSE mounts answer EPERM) get an exclusively created copy instead; a reader may see that
    copy before it is whole only if this process dies within it, so readers treat unparsable files as absent.

    Returns:
        Whether this call created `target`.
    """
    try:
        os.link(source, target)
    except FileExistsError:
        return False
    except (OSError, NotImplementedError) as error:
        if not _links_unsupported(error):
            raise
        return _copy_exclusively(source, target)
    return True


def _links_unsupported(error: BaseException) -> bool:
    """Return whether `error` says that the file system has no hard links, as opposed to any other failure."""
    return isinstance(error, NotImplementedError) or (
        isinstance(error, OSError) and error.errno in {errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK}
    )


def _copy_exclusively(source: Path, target: Path) -> bool:
    try:
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _MODE)
    except FileExistsError:
        return False
    try:
        view = memoryview(source.read_bytes())
        while view:
            view = view[os.write(descriptor, view) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    return True
