"""What is known of a whole team, read once after each change."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Final, TypeVar, cast

T = TypeVar("T")

_MOST: Final = 1000


def generation(connection: sqlite3.Connection) -> int:
    """Return a number that grows with every change to the index."""
    return int(connection.execute("SELECT value FROM facts WHERE name = 'generation'").fetchone()[0])


class Sums:
    """
    Answers about teams, each kept until something changes in the repository. Threads may share it.

    Of a thousand models every one is looked at to say which tags there are, and every page that a person opens says it.
    """

    def __init__(self) -> None:
        self._known: dict[tuple[str, bytes], tuple[int, object]] = {}

    def get(self, connection: sqlite3.Connection, what: str, team: bytes, read: Callable[[sqlite3.Connection, bytes], T]) -> T:
        """
        Return what `read` returns, or has returned for the same question when nothing has changed since.

        Args:
            connection: To the index, in a transaction.

            what: The question; it always has the same reader.

            team: Its name, encoded.

            read: Returns the answer for a team.
        """
        now = generation(connection)
        known = self._known.get((what, team))
        if known is not None and known[0] == now:
            return cast("T", known[1])
        if len(self._known) >= _MOST:  # also teams that are not there can be asked about
            self._known.clear()
        answer = read(connection, team)
        self._known[what, team] = now, answer
        return answer
