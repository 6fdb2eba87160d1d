"""A connection for each thread that asks, for as long as it asks."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections.abc import Callable, Iterator

from modelwatch.core.errors import StateError


class Connections:
    """
    Connections to one database, lent to one thread at a time and used again. Threads may share it.

    Args:
        connect: Opens one more, for use in any thread.
    """

    def __init__(self, connect: Callable[[], sqlite3.Connection]) -> None:
        self._connect = connect
        self._turn = threading.Condition()
        self._idle: list[sqlite3.Connection] = []
        self._lent = 0
        self._withheld = False
        self._closed = False

    @contextlib.contextmanager
    def lend(self) -> Iterator[sqlite3.Connection]:
        """
        Lend a connection, which comes back without a transaction.

        Raises:
            StateError: All are closed for good; and what opening one raises.
        """
        connection = self._take() or self._open()
        try:
            yield connection
        finally:
            self._give_back(_without_transaction(connection))

    def _take(self) -> sqlite3.Connection | None:
        with self._turn:
            self._turn.wait_for(lambda: not self._withheld)
            if self._closed:
                raise StateError("the index is closed")
            self._lent += 1
            return self._idle.pop() if self._idle else None

    def _open(self) -> sqlite3.Connection:
        try:
            return self._connect()
        except BaseException:
            self._give_back(None)
            raise

    def _give_back(self, connection: sqlite3.Connection | None) -> None:
        with self._turn:
            if connection is not None:
                self._idle.append(connection)
            self._lent -= 1
            self._turn.notify_all()

    @contextlib.contextmanager
    def withheld(self) -> Iterator[None]:
        """Close all connections, once they are back, and lend none until the block ends."""
        with self._turn:
            self._turn.wait_for(lambda: not self._withheld)
            self._withheld = True
            self._turn.wait_for(lambda: not self._lent)
            idle, self._idle = self._idle, []
        try:
            for connection in idle:
                connection.close()
            yield
        finally:
            with self._turn:
                self._withheld = False
                self._turn.notify_all()

    def close(self) -> None:
        """Close all connections, once they are back, for good; a second call does nothing."""
        with self.withheld():
            self._closed = True


def _without_transaction(connection: sqlite3.Connection) -> sqlite3.Connection | None:
    try:
        if connection.in_transaction:
            connection.rollback()
    except sqlite3.Error:
        connection.close()
        return None
    return connection
