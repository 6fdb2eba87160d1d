"""Content on its way from a server: hashed while it arrives, and on from where a connection broke."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable
from pathlib import PurePosixPath

from modelwatch.client.connection import Connection
from modelwatch.client.failures import no_server
from modelwatch.client.sending import Advance
from modelwatch.core.backoff import Backoff
from modelwatch.core.digest import Digest
from modelwatch.core.durable import sync_file
from modelwatch.core.entities import ManifestEntry
from modelwatch.core.errors import ModelwatchError, PermanentError, TransientError

_TRIES = 5
_LONGEST_PAUSE_SECONDS = 5.0
_RANGE = re.compile(r"bytes ([0-9]+)-")


class RemoteContent:
    """
    The bytes of one version's files on a server. Implements `modelwatch.repository.downloading.ContentSource`.

    Args:
        connection: To the server.

        version: The parts of the version's path in the API.
    """

    def __init__(self, connection: Connection, *version: str) -> None:
        self._connection = connection
        self._version = version

    def address(self, entry: ManifestEntry) -> str:
        """Return where a file is."""
        return self._connection.url + self._path(entry)

    def _path(self, entry: ManifestEntry) -> str:
        return self._connection.path(*self._version, "files", *PurePosixPath(entry.path).parts)

    def fetch(self, entry: ManifestEntry, target: int, advance: Advance) -> Digest:
        """Write a file's bytes. Raise as `ContentSource.fetch`."""
        digest = self.read(entry, lambda data: _write(target, data), advance)
        sync_file(target)
        return digest

    def read(self, entry: ManifestEntry, take: Callable[[bytes], None], advance: Advance) -> Digest:
        """
        Ask for a file's bytes and hand them over as they come. No more are taken than the file has.

        Args:
            entry: Which file.

            take: Is given each piece.

            advance: Is told the bytes since the last call.

        Returns:
            The digest of what came.

        Raises:
            NotFoundError, TransientError, AccessError, PermanentError: As `Connection`.
        """
        state = hashlib.sha256()
        have, tries = 0, 0
        while have < entry.size:
            before = have
            try:
                headers = {"Range": f"bytes={have}-"} if have else {}
                with self._connection.receive(self._path(entry), headers=headers) as incoming:
                    if have and not self._goes_on(incoming.status, incoming.headers.get("Content-Range", ""), have):
                        raise no_server(self._connection.url, f"a part of {entry.path!r} was asked for and another one came")
                    for piece in incoming.pieces:
                        data = piece[: entry.size - have]
                        take(data)
                        state.update(data)
                        have += len(data)
                        advance(len(data))
                        if have == entry.size:
                            break
                    else:
                        break  # it ended, and too early: the digest tells
            except TransientError as error:
                tries = 1 if have > before else tries + 1
                pause = error.retry_after_seconds or Backoff(0.2, cap_seconds=_LONGEST_PAUSE_SECONDS).wait_seconds(tries)
                if tries >= _TRIES or pause > _LONGEST_PAUSE_SECONDS:
                    raise
                self._connection.pause(pause)
        return Digest(state.hexdigest())

    @staticmethod
    def _goes_on(status: int, content_range: str, offset: int) -> bool:
        match = _RANGE.match(content_range)
        return status == 206 and match is not None and int(match[1]) == offset

    def damaged(self, entry: ManifestEntry, found: Digest) -> ModelwatchError:
        """Return the error for bytes that are not those that were registered."""
        return PermanentError(
            f"{self.address(entry)} sends bytes with the digest {found}, not {entry.digest}",
            hint="the repository is damaged, or something in between changes what it sends",
        )


def _write(target: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(target, view) :]
