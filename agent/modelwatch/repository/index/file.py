"""
The file of an index: one that can be used, or a new one.

Processes that share it hold a lock beside it shared, for as long as they use it. Only who holds that alone removes a file that is damaged
or not ours: SQLite connections to a removed database would go on to remove the log of its successor. Who finds others at such a file uses
one of its own, for as long as it runs.
"""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

import modelwatch
from modelwatch.core import log
from modelwatch.core.database import Kind, connect, rows
from modelwatch.core.durable import make_directory
from modelwatch.core.errors import DamagedError, DiskFullError, StateError
from modelwatch.core.lock import LockedError, locked
from modelwatch.repository.index.outside import data

_SCHEMA: Final = Path(__file__).with_name("schema.sql")

INDEX: Final = Kind(
    name="index",
    application_id=0x6D6F6469,  # "modi"
    scripts=(_SCHEMA,),
    where="the index",
    elsewhere="choose another place for the index",
    damaged="remove it: it is built again from the repository",
    cache_kib=4096,
    durable=False,
)


class IndexFile:
    """
    The file of a repository's index, in use until it is closed. Belongs to one thread at a time.

    Args:
        path: Where it is wanted.

        repository_id: Whose index it is.

    Attributes:
        path: Where it is.
        serial: Grows whenever another file is used.

    Raises:
        StateError: It cannot be made or used.
    """

    def __init__(self, path: Path, repository_id: str) -> None:
        self.path = path
        self.serial = 0
        self._wanted = path
        self._lock = path.with_name(f"{path.name}.lock")
        self._kind = replace(INDEX, complete=self._write_facts)
        self._repository_id = data(repository_id)
        self._inode = 0
        self._held = contextlib.ExitStack()
        with self._failures():
            self._schema = _schema(path)
        self.use()

    def use(self) -> None:
        """Use the file at the wanted path, or another when that cannot be; nothing may be connected to the one before."""
        self.close()
        with self._failures():
            make_directory(self._wanted.parent)
            self._hold()
            try:
                self._make_or_check()
            except DiskFullError:
                raise
            except StateError as error:
                self._replace(str(error))

    def replace(self, why: str) -> None:
        """Use a new file in place of this one; nothing may be connected to it any more."""
        self.close()
        with self._failures():
            self._replace(why)

    def connect(self) -> sqlite3.Connection:
        """Open one more connection, for use in any thread. Raise StateError."""
        return connect(self.path, self._kind, any_thread=True)

    def is_there(self) -> bool:
        """Return whether the path still leads to the file that is used."""
        try:
            return self.path.stat().st_ino == self._inode
        except FileNotFoundError:
            return False

    def close(self) -> None:
        """Let others replace the file. A second call does nothing."""
        self._held.close()

    def _hold(self) -> None:
        self._held.enter_context(locked(self._lock, shared=True))
        self.path = self._wanted

    def _replace(self, why: str) -> None:
        log.warning("the index is built anew", path=self._wanted, why=why)
        self._held.close()
        try:
            with locked(self._lock, wait=False):
                for end in ("", "-wal", "-shm", "-journal"):
                    self._wanted.with_name(self._wanted.name + end).unlink(missing_ok=True)
                self.path = self._wanted
                self._make_or_check()
        except LockedError:
            folder = Path(tempfile.mkdtemp(prefix="modelwatch-index-"))
            self._held.callback(shutil.rmtree, folder, ignore_errors=True)
            self.path = folder / self._wanted.name
            log.warning("others use the index that cannot be used; this process has its own", path=self.path)
        else:
            self._hold()
        self._make_or_check()

    def _make_or_check(self) -> None:
        """Make the database, or raise StateError when the one that is there is not the one that would be made."""
        with contextlib.closing(self.connect()) as connection:
            for fact, expected in (("repository", self._repository_id), ("program", data(modelwatch.__version__))):
                found = rows(connection, self._kind, "SELECT value FROM facts WHERE name = ?", (fact,))
                if [row[0] for row in found] != [expected]:
                    raise DamagedError(f"the index {self.path} is of another {fact}")
            if _schema_of(connection) != self._schema:
                raise DamagedError(f"the index {self.path} has other tables than it was made with")
        self._inode = self.path.stat().st_ino
        self.serial += 1

    def _write_facts(self, connection: sqlite3.Connection, _version: int) -> None:
        # The generation begins with the time, so that an index that is built again does not tell one that was told before.
        facts = {"repository": self._repository_id, "program": data(modelwatch.__version__), "generation": int(time.time() * 1000)}
        connection.executemany("INSERT INTO facts (name, value) VALUES (?, ?)", facts.items())

    @contextlib.contextmanager
    def _failures(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            self.close()
            raise StateError(
                f"cannot keep an index at {self._wanted}: {error.strerror}", hint="choose another place for it"
            ) from error
        except BaseException:
            self.close()
            raise


def _schema(path: Path) -> set[str]:
    """Return the tables that a new index has. Raise StateError when this Python's SQLite has not all of what they need: it can use none."""
    with contextlib.closing(sqlite3.connect(":memory:")) as connection:
        try:
            connection.executescript(_SCHEMA.read_text(encoding="ascii"))
        except sqlite3.DatabaseError as error:
            hint = f"this Python's SQLite {sqlite3.sqlite_version} is too old, or was built without it: use another Python"
            raise StateError(f"cannot use an index at {path}: {error}", hint=hint) from error
        return _schema_of(connection)


def _schema_of(connection: sqlite3.Connection) -> set[str]:
    return {row[0] for row in connection.execute("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL")}
