"""`accounts.db`: where it is, what kind of database it is, and connections to it for any number of threads."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

from modelwatch.core import database
from modelwatch.core.durable import make_directory, sync_directory
from modelwatch.core.errors import NotFoundError, StateError
from modelwatch.server.accounts.names import folded
from modelwatch.server.accounts.principal import DEFAULT_TEAM

_FOLDER_MODE = 0o700
_FILE_MODE = 0o600
_MOST_IDLE = 8


def accounts_path(repository: Path) -> Path:
    """Return where a repository's accounts are."""
    return repository / "server" / "accounts.db"


def _make_default_team(connection: sqlite3.Connection, version: int) -> None:
    """Make the team that models belong to when nobody says which."""
    if version == 1:
        connection.execute(
            "INSERT INTO teams (name, folded, made) VALUES (?, ?, CAST(strftime('%s', 'now') AS REAL))",
            (DEFAULT_TEAM, folded(DEFAULT_TEAM)),
        )


ACCOUNTS = database.Kind(
    name="database of accounts",
    application_id=0x6D6F6163,  # "moac"
    scripts=tuple(sorted((Path(__file__).parent / "migrations").glob("*.sql"))),
    where="the repository's folder server",
    elsewhere="move it away",
    damaged="put back a copy of accounts.db; without one, move it away and make users and keys anew",
    busy_seconds=10.0,
    complete=_make_default_team,
)

_Identity = tuple[int, int]


class Database:
    """
    The file and its connections. A context manager.

    Every use sees what was last committed, by whichever process. When somebody has put another file in its place, that one is
    used from then on; when it is gone, nothing is let in.

    Args:
        path: The file.

        create: Make it when it is missing.

    Raises:
        NotFoundError: It is missing.

        StateError: As `modelwatch.core.database.connect`.
    """

    def __init__(self, path: Path, *, create: bool) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._idle: list[tuple[sqlite3.Connection, _Identity]] = []
        self._closed = False
        if create:
            _make_private(path)
        elif not path.exists():
            raise NotFoundError(
                f"there are no accounts at {path}", hint="`modelwatch users add NAME` makes the first user and, with it, accounts"
            )
        _keep_private(path)
        with self._connected(create=True):  # an older one becomes one of this version
            pass

    def close(self) -> None:
        """Close every connection; one that is in use, when it comes back."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for connection, _ in idle:
            connection.close()

    @contextlib.contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Give a connection that shows one state of the database. Raise StateError."""
        with self._connected() as connection:
            database.rows(connection, ACCOUNTS, "BEGIN")
            try:
                yield connection
            finally:
                connection.rollback()

    @contextlib.contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Give a connection for changes that are durable when the block ends, and undone when it raises. Raise StateError."""
        with self._connected() as connection, database.immediate(connection, ACCOUNTS):
            yield connection

    @contextlib.contextmanager
    def _connected(self, *, create: bool = False) -> Iterator[sqlite3.Connection]:
        identity = self._identity()
        connection = self._take(identity) or database.connect(self._path, ACCOUNTS, create=create, any_thread=True)
        try:
            yield connection
        finally:
            self._put(connection, identity)

    def _identity(self) -> _Identity:
        try:
            found = self._path.stat()
        except OSError as error:
            raise StateError(
                f"the database of accounts {self._path} is gone: {error.strerror}", hint="put it back; nobody is let in without it"
            ) from error
        return found.st_dev, found.st_ino

    def _take(self, identity: _Identity) -> sqlite3.Connection | None:
        with self._lock:
            while self._idle:
                connection, of = self._idle.pop()
                if of == identity:
                    return connection
                connection.close()
        return None

    def _put(self, connection: sqlite3.Connection, identity: _Identity) -> None:
        with self._lock:
            if not self._closed and len(self._idle) < _MOST_IDLE:
                self._idle.append((connection, identity))
                return
        connection.close()


def _make_private(path: Path) -> None:
    """Make the empty file, for this user alone: SQLite gives its log and shared memory the same mode."""
    if path.exists():
        return
    try:
        if not path.parent.is_dir():
            make_directory(path.parent)
            path.parent.chmod(_FOLDER_MODE)
        with contextlib.suppress(FileExistsError):
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, _FILE_MODE))
        sync_directory(path.parent)
    except OSError as error:
        raise StateError(f"cannot make {path}: {error.strerror}", hint="check the folder's permissions and free space") from error


def _keep_private(path: Path) -> None:
    """Take away what others may do with a file that was copied or restored; one that is somebody else's is left as it is."""
    with contextlib.suppress(OSError):
        if path.stat().st_mode & 0o077:
            path.chmod(_FILE_MODE)
