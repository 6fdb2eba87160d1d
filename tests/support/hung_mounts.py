"""File systems that stop answering, as a network file system does whose server has gone. Only root can make them."""

import contextlib
import ctypes
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import small_disks

_MNT_DETACH = 2
_libc = ctypes.CDLL(None, use_errno=True)


@contextlib.contextmanager
def silent(folder: Path) -> Iterator[Path]:
    """
    Mount over a folder a file system whose server never says a word: whoever looks there waits until it is killed, or the block ends.

    A real one: FUSE, with nobody behind it. Those who wait get an error at the end. Skips the test where that is not allowed.
    """
    try:
        device = os.open("/dev/fuse", os.O_RDWR)
    except OSError as error:
        pytest.skip(f"there is no FUSE here: {error}")
    folder.mkdir(parents=True, exist_ok=True)
    options = f"fd={device},rootmode=40000,user_id=0,group_id=0".encode()
    if _libc.mount(b"silent", os.fsencode(folder), b"fuse", 0, options):
        os.close(device)
        pytest.skip(f"cannot mount here: {os.strerror(ctypes.get_errno())}")
    try:
        yield folder
    finally:
        os.close(device)  # ends the connection, and every wait for it
        _libc.umount2(os.fsencode(folder), _MNT_DETACH)


@contextlib.contextmanager
def frozen(folder: Path) -> Iterator[None]:
    """Freeze the file system mounted at a folder: whoever writes there waits until the block ends, and cannot even be killed."""
    subprocess.run(["fsfreeze", "--freeze", str(folder)], check=True)
    try:
        yield
    finally:
        subprocess.run(["fsfreeze", "--unfreeze", str(folder)], check=True)


@contextlib.contextmanager
def disk(folder: Path) -> Iterator[Path]:
    """Mount a small ext4 of its own, to be frozen."""
    image = folder.with_suffix(".img")
    with image.open("wb") as file:
        file.truncate(64 << 20)
    subprocess.run(["mkfs.ext4", "-q", str(image)], check=True)
    with small_disks.mounted(folder, "-o", "loop", str(image)) as path:
        yield path
