"""The journal's database: what kind it is, and the connection to it."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path

from modelwatch.core import database
from modelwatch.core.errors import StateError
from modelwatch.journal.states import all_moves


def _write_moves(connection: sqlite3.Connection, version: int) -> None:
    """Write the allowed moves beside the triggers that hold everyone to them."""
    if version == 1:
        connection.executemany("INSERT INTO moves (machine, from_state, to_state) VALUES (?, ?, ?)", all_moves())


JOURNAL = database.Kind(
    name="journal",
    application_id=0x6D6F6477,  # "modw"
    scripts=(Path(__file__).with_name("schema.sql"),),
    where="the state folder",
    elsewhere="choose another --stateDir",
    damaged="move the state folder away to begin anew, or give another --stateDir",
    cache_kib=512,  # the agent's memory matters more than the journal's speed
    complete=_write_moves,
)


def connect(path: Path, *, create: bool = True) -> sqlite3.Connection:
    """
    Open the journal at `path`, making it when `create`. One connection belongs to one thread.

    Raises:
        StateError: As `modelwatch.core.database.connect`.
    """
    if not create and not path.exists():
        raise StateError(f"there is no journal at {path}", hint="nothing has been watched there yet")
    return database.connect(path, JOURNAL, create=create)


def rows(connection: sqlite3.Connection, query: str, parameters: Sequence[object] = ()) -> list[sqlite3.Row]:
    """Return everything that a query finds. Raise StateError when the journal cannot be read, or is damaged."""
    return database.rows(connection, JOURNAL, query, parameters)


@contextlib.contextmanager
def immediate(connection: sqlite3.Connection) -> Iterator[None]:
    """Run a write transaction: committed, durably, when the block ends, undone when it raises. Raise StateError."""
    with database.immediate(connection, JOURNAL):
        yield
