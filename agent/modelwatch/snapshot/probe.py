"""Trying out how files of a model path can be taken, without touching the model path's own folders."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from modelwatch.core.mounts import mount_of
from modelwatch.snapshot.take import SMALL_BYTES, Method, clone


@dataclass(frozen=True, slots=True)
class Methods:
    """
    What a model path and a state folder allow.

    Attributes:
        reflink: Blocks can be shared.
        hardlink: Files can get a second name; of files that belong to another user the kernel may still refuse it (fs.protected_hardlinks).
    """

    reflink: bool
    hardlink: bool

    @property
    def best(self) -> Method:
        """The method for a file that any of them is safe for."""
        if self.reflink:
            return Method.REFLINK
        return Method.HARDLINK if self.hardlink else Method.COPY


def probe(folder: Path, model_path: Path) -> Methods:
    """
    Return how files of the model path can be taken into the state folder.

    Tried with two files in the state folder, which are gone afterwards, if both folders are on one file system: a hard link also
    needs the same mount, for the kernel makes none between two bind mounts of one file system.

    Args:
        folder: The state folder, which exists and can be written.

        model_path: The model path, which exists.

    Raises:
        OSError: A folder is not there, or the state folder cannot be written.
    """
    if folder.stat().st_dev != model_path.stat().st_dev:
        return Methods(reflink=False, hardlink=False)
    with tempfile.TemporaryDirectory(prefix="probe-", dir=folder) as name:
        source, clone_of_it, link = Path(name, "source"), Path(name, "clone"), Path(name, "link")
        source.write_bytes(bytes(SMALL_BYTES))
        return Methods(reflink=_clones(source, clone_of_it), hardlink=_same_mount(folder, model_path) and _links(source, link))


def _clones(source: Path, target: Path) -> bool:
    with source.open("rb") as reader, target.open("wb") as writer:
        try:
            clone(reader.fileno(), writer.fileno())
        except OSError:
            return False
    return True


def _links(source: Path, target: Path) -> bool:
    try:
        os.link(source, target)
    except OSError:
        return False
    return True


def _same_mount(folder: Path, model_path: Path) -> bool:
    return mount_of(folder).identifier == mount_of(model_path).identifier
