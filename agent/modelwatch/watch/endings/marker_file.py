"""A file whose appearance says that training has ended, as ``python train.py; touch /shared/training-ended`` makes it."""

from __future__ import annotations

import os
from collections.abc import Collection

from modelwatch.core import log

_ABSENT = (FileNotFoundError, NotADirectoryError)


class MarkerFile:
    """
    Looks whether something is there.

    Args:
        path: Of a file, folder or link. What was there before the sidecar counts: the training may have ended while it was down.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._said = False

    def look(self) -> str | None:
        """Return that the marker is there, or None."""
        try:
            os.lstat(self._path)
        except _ABSENT:
            return None
        except OSError as error:
            if not self._said:
                log.warning("the end marker cannot be looked at; trying again", path=self._path, why=error.strerror)
                self._said = True
            return None
        return f"the end marker {self._path} is there"

    def descriptors(self) -> Collection[int]:
        """Return nothing: it is looked at every now and then."""
        return ()

    def close(self) -> None:
        """Do nothing."""
