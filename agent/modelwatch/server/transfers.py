"""
Uploads of content, which may be broken off and taken up again, and what each team has shown that it holds.

Content is kept once for all teams, and yet no team may learn from the server that another one has the same bytes: a digest counts for a
team only when the team has uploaded the bytes itself, or a registration of its own refers to them.
"""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from modelwatch.core import database
from modelwatch.core.clock import Clock
from modelwatch.core.digest import Digest
from modelwatch.core.errors import NotFoundError
from modelwatch.repository.repository import Repository
from modelwatch.repository.storage.staging import StagedUpload

_KIND = database.Kind(
    name="list of uploads",
    application_id=0x6D777472,  # "mwtr"
    scripts=(Path(__file__).with_name("transfers.sql"),),
    where="the repository's server folder",
    elsewhere="move the file away",
    damaged="move the file away: uploads that were under way begin anew",
)

_MOST_OPEN = 64

FORGOTTEN_SECONDS = 86_400.0
"""How long content may wait for the registration that refers to it; an upload that lasts longer lives as long as its file."""


@dataclass(frozen=True, slots=True)
class Upload:
    """
    An upload that is under way.

    Attributes:
        id: Random: who does not know it cannot guess it.
        team: Whose.
        digest: What the content must have, or None when the server is to find it out.
        size: Bytes of the whole content.
    """

    id: str
    team: str
    digest: Digest | None
    size: int


class Transfers:
    """
    The uploads of one repository.

    Args:
        path: The database.

        repository: Where content goes.

        clock: The time.
    """

    def __init__(self, path: Path, repository: Repository, clock: Clock) -> None:
        self._repository = repository
        self._clock = clock
        self._lock = threading.Lock()
        self._open: dict[str, StagedUpload] = {}  # the longest unused first
        self._connection = database.connect(path, _KIND, any_thread=True)

    def close(self) -> None:
        """Close the database and what is open of uploads; they can go on after a restart."""
        for staged in self._open.values():
            staged.close()
        self._open.clear()
        self._connection.close()

    def begin(self, team: str, digest: Digest | None, size: int) -> Upload:
        """Begin an upload of content of this size. Raise StateError or TransientError when it cannot be taken now."""
        with StagedUpload.create(self._repository.storage, digest, size) as staged:
            upload = Upload(staged.identifier, team, digest, size)
        with self._lock, database.immediate(self._connection, _KIND):
            self._connection.execute(
                "INSERT INTO uploads (id, team, digest, size, created) VALUES (?, ?, ?, ?, ?)",
                (upload.id, team, None if digest is None else str(digest), size, self._clock.now()),
            )
        return upload

    def find(self, team: str, identifier: str) -> Upload:
        """Return an upload of a team. Raise NotFoundError."""
        found = self._rows("SELECT id, team, digest, size FROM uploads WHERE id = ? AND team = ?", (identifier, team))
        if not found:
            raise NotFoundError("there is no such upload", hint="it is finished, or too old: begin a new one")
        row = found[0]
        return Upload(row["id"], row["team"], None if row["digest"] is None else Digest.parse(row["digest"]), row["size"])

    @contextlib.contextmanager
    def going_on(self, upload: Upload) -> Iterator[StagedUpload]:
        """
        Give the content of an upload, to append to it. What was appended survives a power cut when the block ends, however it ends.

        Between two requests the file stays open for a while: who opens it anew has to read and hash all that is there.

        Raises:
            TransientError: Another request writes to it, or the repository cannot be written.

            NotFoundError: Its content lay untouched for too long and is gone.
        """
        with self._lock:
            staged = self._open.pop(upload.id, None)
        if staged is not None and not staged.is_still_there():
            staged.close()
            staged = None
        if staged is None:
            staged = StagedUpload.resume(self._repository.storage, upload.id)
        try:
            yield staged
        finally:
            try:
                if not staged.is_closed:
                    staged.sync()
            finally:
                self._put_back(upload.id, staged)

    def _put_back(self, identifier: str, staged: StagedUpload) -> None:
        if staged.is_closed:
            return
        with self._lock:
            self._open[identifier] = staged
            longest = next(iter(self._open)) if len(self._open) > _MOST_OPEN else None
            evicted = self._open.pop(longest) if longest is not None else None
        if evicted is not None:
            evicted.close()

    def finish(self, team: str, staged: StagedUpload) -> Digest:
        """
        Make the whole content of a team's upload a part of the repository, and note that the team holds it.

        Raises:
            PermanentError: The digest is another one than was announced.

            NotFoundError, TransientError, StateError: As `StagedUpload.finish`; the database cannot be written.
        """
        digest = staged.finish()
        with self._lock, database.immediate(self._connection, _KIND):
            self._connection.execute("DELETE FROM uploads WHERE id = ?", (staged.identifier,))
            self._hold(team, ((digest, staged.size),))
        return digest

    def abandon(self, upload: Upload) -> None:
        """Forget an upload and its content."""
        with self.going_on(upload) as staged:
            staged.discard()
        with self._lock, database.immediate(self._connection, _KIND):
            self._connection.execute("DELETE FROM uploads WHERE id = ?", (upload.id,))

    def hold(self, team: str, contents: Iterable[tuple[Digest, int]]) -> None:
        """Note that a team has shown that it holds some contents."""
        with self._lock, database.immediate(self._connection, _KIND):
            self._hold(team, contents)

    def _hold(self, team: str, contents: Iterable[tuple[Digest, int]]) -> None:
        now = self._clock.now()
        self._connection.executemany(
            "INSERT INTO held (team, digest, size, since) VALUES (?, ?, ?, ?) "
            "ON CONFLICT (team, digest) DO UPDATE SET since = excluded.since",
            [(team, str(digest), size, now) for digest, size in contents],
        )

    def holds(self, team: str, digest: Digest, size: int) -> bool:
        """Return whether a team has uploaded a content."""
        query = "SELECT 1 FROM held WHERE team = ? AND digest = ? AND size = ?"
        return bool(self._rows(query, (team, str(digest), size)))

    def forget_old(self) -> None:
        """
        Forget what nobody went on with.

        An upload is forgotten when a collection of garbage has removed its content, however long ago it began: the time of the file in staging
        is the only one that tells when the last piece came.

        Raises:
            TransientError, StateError: The repository is gone, or the database cannot be written.
        """
        self._repository.require_same()  # of a volume that is not there every file is gone
        before = self._clock.now() - FORGOTTEN_SECONDS
        begun = [row["id"] for row in self._rows("SELECT id FROM uploads WHERE created < ?", (before,))]
        with self._lock:
            known = {*begun, *self._open}
        gone = [identifier for identifier in known if not StagedUpload.is_there(self._repository.storage, identifier)]
        with self._lock, database.immediate(self._connection, _KIND):
            self._connection.executemany("DELETE FROM uploads WHERE id = ?", [(identifier,) for identifier in gone])
            self._connection.execute("DELETE FROM held WHERE since < ?", (before,))
            unused = [self._open.pop(identifier) for identifier in gone if identifier in self._open]
        for staged in unused:
            staged.close()

    def _rows(self, query: str, parameters: tuple[object, ...]) -> list[sqlite3.Row]:
        with self._lock:
            return database.rows(self._connection, _KIND, query, parameters)
