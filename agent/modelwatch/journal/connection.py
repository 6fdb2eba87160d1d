"""Opening the journal's database: which SQLite settings keep its promises, and whose file it is."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path

from modelwatch.core import log
from modelwatch.core.errors import DiskFullError, StateError
from modelwatch.core.mounts import is_local, mount_of
from modelwatch.journal.states import all_moves

APPLICATION_ID = 0x6D6F6477
"""``modw``: marks the file as ours (PRAGMA application_id)."""

SCHEMA_VERSION = 1

_BUSY_SECONDS = 30.0
_SCHEMA = Path(__file__).with_name("schema.sql")


def connect(path: Path, *, create: bool = True) -> sqlite3.Connection:
    """
    Open the journal at `path`, making it when `create`. One connection belongs to one thread.

    A commit is durable when it returns (``synchronous=FULL``). The write-ahead log is used on a local disk only: its shared memory does
    not work over a network (https://sqlite.org/wal.html).

    Raises:
        StateError: The file cannot be opened, is not a journal of ours, or was written by a newer modelwatch.
    """
    if not create and not path.exists():
        raise StateError(f"there is no journal at {path}", hint="nothing has been watched there yet")
    try:
        connection = sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None)
    except sqlite3.Error as error:
        raise StateError(
            f"cannot open the journal {path}: {error}", hint="check the folder's permissions and free space"
        ) from error
    try:
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA cache_size = -512")  # KiB: the agent's memory matters more than the journal's speed
        _prepare(connection, path, create=create)
    except sqlite3.DatabaseError as error:
        connection.close()
        raise _journal_error(error, f"cannot use the journal {path}") from error
    except StateError:
        connection.close()
        raise
    return connection


def _prepare(connection: sqlite3.Connection, path: Path, *, create: bool) -> None:
    application = connection.execute("PRAGMA application_id").fetchone()[0]
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    tables = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
    if tables and application != APPLICATION_ID:
        raise StateError(f"{path} is a database, but not a journal of modelwatch", hint="choose another --stateDir")
    if version > SCHEMA_VERSION:
        raise StateError(
            f"{path} was written by a newer modelwatch (journal version {version}, this one knows {SCHEMA_VERSION})",
            hint="upgrade modelwatch",
        )
    if create:
        _choose_log(connection, path)
        if version < SCHEMA_VERSION:
            _make_schema(connection)


def _choose_log(connection: sqlite3.Connection, path: Path) -> None:
    wanted = "wal" if is_local(mount_of(path.parent)) else "delete"
    mode = connection.execute("PRAGMA journal_mode").fetchone()[0]
    if mode != wanted:
        try:
            connection.execute(f"PRAGMA journal_mode = {wanted}")
        except sqlite3.OperationalError as error:  # another connection is at work in the other mode, which is safe as well
            log.debug("journal mode kept", mode=mode, wanted=wanted, why=error)


def _make_schema(connection: sqlite3.Connection) -> None:
    with immediate(connection):
        if connection.execute("PRAGMA user_version").fetchone()[0]:
            return  # somebody made it while we waited for the lock
        for statement in _statements(_SCHEMA.read_text(encoding="ascii")):
            connection.execute(statement)
        connection.executemany("INSERT INTO moves (machine, from_state, to_state) VALUES (?, ?, ?)", all_moves())
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")


def _statements(script: str) -> Iterator[str]:
    """Give the statements of an SQL script: `executescript` would commit the transaction that they belong in."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


def rows(connection: sqlite3.Connection, query: str, parameters: Sequence[object] = ()) -> list[sqlite3.Row]:
    """
    Return everything that a query finds.

    Raises:
        StateError: The database cannot be read, or is damaged.
    """
    try:
        return connection.execute(query, parameters).fetchall()
    except sqlite3.DatabaseError as error:
        raise _journal_error(error, "cannot read the journal") from error


@contextlib.contextmanager
def immediate(connection: sqlite3.Connection) -> Iterator[None]:
    """
    Run a write transaction: committed, durably, when the block ends, undone when it raises.

    Raises:
        StateError: The database cannot be written: read-only, damaged, or DiskFullError.
    """
    try:
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            _undo(connection)
            raise
        connection.execute("COMMIT")
    except sqlite3.IntegrityError:
        raise  # a mistake of ours: a move that the state machine does not have
    except sqlite3.DatabaseError as error:
        _undo(connection)
        raise _journal_error(error, "cannot write the journal") from error


def _undo(connection: sqlite3.Connection) -> None:
    """End the transaction; on a full disk or a damaged file SQLite may have done so itself, or be unable to."""
    if connection.in_transaction:
        with contextlib.suppress(sqlite3.DatabaseError):
            connection.execute("ROLLBACK")


def _journal_error(error: sqlite3.DatabaseError, doing: str) -> StateError:
    """Return the error to raise for one of SQLite's, with what to do about it."""
    code = error.sqlite_errorcode & 0xFF
    if code == sqlite3.SQLITE_FULL:
        return DiskFullError(f"{doing}: the disk is full", hint="make room on the disk of the state folder; nothing is lost")
    if code in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}:
        return StateError(
            f"{doing}: {error}", hint="it is damaged: move the state folder away to begin anew, or give another --stateDir"
        )
    return StateError(f"{doing}: {error}", hint="check the permissions of the state folder")
