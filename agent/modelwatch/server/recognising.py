"""
What uploaded content is, as the formats tell.

Formats read files by their names in a folder, and content has none: for the time of the look it is hard-linked into a folder of the
server's own, which takes no room and no time. Where that is not possible, or the files take too long to be read, nothing is recognised;
the upload is as good without.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from modelwatch.core.abandon import Abandoned, abandoned_when
from modelwatch.core.entities import Manifest, ModelType
from modelwatch.formats.recognise import Recognised, recognise
from modelwatch.repository.repository import Repository
from modelwatch.server.accounts.database import accounts_path

_PREFIX: Final = "recognising-"
_MOST_FILES: Final = 10_000
_LEFT_BEHIND_SECONDS: Final = 3600.0
_LONGEST_SECONDS: Final = 20.0
"""Files are somebody else's: one can be made to be looked at for hours, and others use the server meanwhile."""


def recognise_content(repository: Repository, manifest: Manifest, model_type: ModelType | None) -> Recognised:
    """
    Return what the files of a manifest are.

    Args:
        repository: Has their content.

        manifest: The files.

        model_type: What the user says it is, None to recognise it.
    """
    if len(manifest.entries) <= _MOST_FILES:
        end = time.monotonic() + _LONGEST_SECONDS
        with (
            contextlib.suppress(OSError, ValueError, Abandoned),
            _named(repository, manifest) as folder,
            abandoned_when(lambda: time.monotonic() >= end),
        ):
            return recognise(folder, [entry.path for entry in manifest.entries], model_type)
    return Recognised(model_type or ModelType.CUSTOM)


@contextlib.contextmanager
def _named(repository: Repository, manifest: Manifest) -> Iterator[Path]:
    """Give a folder with the files under their names. Raise OSError, or ValueError, where links or such names are not possible."""
    beside = accounts_path(repository.root).parent
    _sweep(beside)
    with tempfile.TemporaryDirectory(prefix=_PREFIX, dir=beside) as name:
        folder = Path(name)
        for entry in manifest.entries:
            path = folder / entry.path
            path.parent.mkdir(parents=True, exist_ok=True)
            os.link(repository.storage.blob_path(entry.digest), path)
        yield folder


def _sweep(beside: Path) -> None:
    """Remove the folders of those who were killed at it: their links keep content that nobody needs any more."""
    for folder in beside.glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError):
            if time.time() - folder.stat().st_mtime > _LEFT_BEHIND_SECONDS:
                shutil.rmtree(folder, ignore_errors=True)
