"""
SQLite databases of ours: which settings keep a commit's promise, whose file it is, and how it grows from version to version.

A database belongs to a `Kind`, which says what it is called, how it is told apart from others' and which SQL makes each version of it.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from modelwatch.core import log
from modelwatch.core.errors import DamagedError, DiskFullError, StateError
from modelwatch.core.mounts import is_local, mount_of


def _nothing_more(_connection: sqlite3.Connection, _version: int) -> None:
    """Add nothing to what the scripts make."""


@dataclass(frozen=True, slots=True)
class Kind:
    """
    One kind of database that we keep.

    Attributes:
        name: What people are told it is, for example ``journal``.
        application_id: Marks the file as ours (PRAGMA application_id).
        scripts: SQL files, each of which makes the next version out of the one before; the first makes version 1 out of nothing.
        where: What people look after, for example ``the state folder``.
        elsewhere: What to do when the file cannot be used where it is.
        damaged: What to do when its content is damaged.
        cache_kib: Memory for pages, for each connection.
        busy_seconds: How long to wait for others' transactions.
        durable: Whether a commit must outlive a power cut; where it need not, none is waited for, and nothing is damaged all the same.
        complete: Called with each version that a script has made, in the same transaction, for rows that are not written in SQL.
    """

    name: str
    application_id: int
    scripts: Sequence[Path]
    where: str
    elsewhere: str
    damaged: str
    cache_kib: int = 512
    busy_seconds: float = 30.0
    durable: bool = True
    complete: Callable[[sqlite3.Connection, int], None] = _nothing_more

    @property
    def version(self) -> int:
        """The newest version, which this program writes."""
        return len(self.scripts)


def connect(path: Path, kind: Kind, *, create: bool = True, any_thread: bool = False) -> sqlite3.Connection:
    """
    Open a database, making or upgrading it when `create`. One thread at a time uses a connection.

    A commit is durable when it returns (``synchronous=FULL``), if its kind wants that. The write-ahead log is used on a local disk only: its shared memory does
    not work over a network (https://sqlite.org/wal.html).

    Args:
        path: The file.

        kind: What it has to be.

        create: Write to it when it is not there yet or older.

        any_thread: Let other threads than this one use the connection; the caller sees to it that they take turns.

    Raises:
        StateError: The file is not there, cannot be opened, is no database of this kind, or was written by a newer modelwatch.
    """
    if not create and not path.exists():
        raise StateError(f"there is no {kind.name} at {path}")
    try:
        connection = sqlite3.connect(path, timeout=kind.busy_seconds, isolation_level=None, check_same_thread=not any_thread)
    except sqlite3.Error as error:
        raise StateError(
            f"cannot open the {kind.name} {path}: {error}", hint="check the folder's permissions and free space"
        ) from error
    try:
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute(f"PRAGMA synchronous = {'FULL' if kind.durable else 'NORMAL'}")
        connection.execute(f"PRAGMA cache_size = -{kind.cache_kib}")
        _prepare(connection, path, kind, create=create)
    except sqlite3.DatabaseError as error:
        connection.close()
        raise state_error(error, kind, f"cannot use the {kind.name} {path}") from error
    except BaseException:
        connection.close()
        raise
    return connection


def _prepare(connection: sqlite3.Connection, path: Path, kind: Kind, *, create: bool) -> None:
    connection.execute("BEGIN")  # one look at all three: somebody else may be making the database just now
    application = connection.execute("PRAGMA application_id").fetchone()[0]
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    tables = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
    connection.execute("COMMIT")
    if tables and application != kind.application_id:
        raise StateError(f"{path} is a database, but not a {kind.name} of modelwatch", hint=kind.elsewhere)
    if version > kind.version:
        raise StateError(
            f"{path} was written by a newer modelwatch ({kind.name} version {version}, this one knows {kind.version})",
            hint="upgrade modelwatch",
        )
    if create:
        _choose_log(connection, path)
        if version < kind.version:
            _upgrade(connection, kind)


def _choose_log(connection: sqlite3.Connection, path: Path) -> None:
    wanted = "wal" if is_local(mount_of(path.parent)) else "delete"
    mode = connection.execute("PRAGMA journal_mode").fetchone()[0]
    if mode != wanted:
        try:
            connection.execute(f"PRAGMA journal_mode = {wanted}")
        except sqlite3.OperationalError as error:  # another connection is at work in the other mode, which is safe as well
            log.debug("journal mode kept", mode=mode, wanted=wanted, why=error)


def _upgrade(connection: sqlite3.Connection, kind: Kind) -> None:
    with immediate(connection, kind):
        present = connection.execute("PRAGMA user_version").fetchone()[0]  # somebody may have done it while we waited for the lock
        for version, script in enumerate(kind.scripts[present:], present + 1):
            for statement in _statements(script.read_text(encoding="ascii")):
                connection.execute(statement)
            kind.complete(connection, version)
            connection.execute(f"PRAGMA application_id = {kind.application_id}")
            connection.execute(f"PRAGMA user_version = {version}")


def _statements(script: str) -> Iterator[str]:
    """Give the statements of an SQL script: `executescript` would commit the transaction that they belong in."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


def rows(connection: sqlite3.Connection, kind: Kind, query: str, parameters: Sequence[object] = ()) -> list[sqlite3.Row]:
    """
    Return everything that a query finds.

    Raises:
        StateError: The database cannot be read, or is damaged.
    """
    try:
        return connection.execute(query, parameters).fetchall()
    except sqlite3.DatabaseError as error:
        raise state_error(error, kind, f"cannot read the {kind.name}") from error


@contextlib.contextmanager
def immediate(connection: sqlite3.Connection, kind: Kind) -> Iterator[None]:
    """
    Run a write transaction: committed, durably, when the block ends, undone when it raises.

    Raises:
        StateError: The database cannot be written: read-only, damaged, or DiskFullError.

        sqlite3.IntegrityError: The block broke a rule of the schema; it is the caller's to know which.
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
        raise
    except sqlite3.DatabaseError as error:
        _undo(connection)
        raise state_error(error, kind, f"cannot write the {kind.name}") from error


def _undo(connection: sqlite3.Connection) -> None:
    """End the transaction; on a full disk or a damaged file SQLite may have done so itself, or be unable to."""
    if connection.in_transaction:
        with contextlib.suppress(sqlite3.DatabaseError):
            connection.execute("ROLLBACK")


def state_error(error: sqlite3.DatabaseError, kind: Kind, doing: str) -> StateError:
    """Return the error to raise for one of SQLite's, with what to do about it."""
    code = error.sqlite_errorcode & 0xFF
    if code == sqlite3.SQLITE_FULL:
        return DiskFullError(f"{doing}: the disk is full", hint=f"make room on the disk of {kind.where}; nothing is lost")
    if code in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}:
        return DamagedError(f"{doing}: {error}", hint=f"it is damaged: {kind.damaged}")
    if str(error).startswith("no such module"):
        return StateError(f"{doing}: {error}", hint="this Python's SQLite was built without it: use another Python")
    return StateError(f"{doing}: {error}", hint=f"check the permissions of {kind.where}")
