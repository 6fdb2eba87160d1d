"""File systems of their own, made and mounted for one test; only root can."""

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest


@contextlib.contextmanager
def mounted(folder: Path, *arguments: str) -> Iterator[Path]:
    """Mount something at `folder`, as mount(8) takes it; skip the test where that is not allowed."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount: run the tests as root in a container to include this one")
    folder.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(["mount", *arguments, str(folder)], check=False, capture_output=True, text=True)
    if done.returncode != 0:
        pytest.skip(f"cannot mount here: {done.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def tmpfs(folder: Path, size_bytes: int) -> contextlib.AbstractContextManager[Path]:
    """Mount a small file system in memory."""
    return mounted(folder, "-t", "tmpfs", "-o", f"size={size_bytes}", "tmpfs")


def bind(folder: Path, source: Path) -> contextlib.AbstractContextManager[Path]:
    """Mount a folder a second time."""
    return mounted(folder, "--bind", str(source))


@contextlib.contextmanager
def with_reflinks(folder: Path) -> Iterator[Path]:
    """Mount a small XFS in a file; skip the test where XFS is missing."""
    if shutil.which("mkfs.xfs") is None:
        pytest.skip("mkfs.xfs is missing (on Debian: apt-get install xfsprogs): reflinks are not tested")
    image = folder.with_suffix(".img")
    with image.open("wb") as file:
        file.truncate(320 << 20)
    subprocess.run(["mkfs.xfs", "-q", "-m", "reflink=1", str(image)], check=True)
    with mounted(folder, "-o", "loop", str(image)) as path:
        yield path
