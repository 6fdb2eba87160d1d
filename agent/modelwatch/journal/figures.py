"""The journal in a few numbers, for machines that ask often: no row is read as a whole."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from modelwatch.journal.connection import rows


@dataclass(frozen=True, slots=True)
class Figures:
    """
    What is in the journal.

    Attributes:
        checkpoints: How many candidates are in each state that any is in.
        deliveries: How many deliveries are in each state, by (sink, state).
        waiting_since: When the oldest version that has not arrived everywhere was committed (seconds since the epoch), or None.
        last_success: When the latest delivery arrived (seconds since the epoch), or None.
        last_error: Of the latest failed delivery that has not arrived since, or an empty string.
    """

    checkpoints: Mapping[str, int]
    deliveries: Mapping[tuple[str, str], int]
    waiting_since: float | None
    last_success: float | None
    last_error: str

    @property
    def delivery_count(self) -> int:
        """How many deliveries there are."""
        return sum(self.deliveries.values())

    def deliveries_by_state(self) -> Counter[str]:
        """Return how many deliveries are in each state, whatever their sink."""
        counts: Counter[str] = Counter()
        for (_, state), number in self.deliveries.items():
            counts[state] += number
        return counts


def read_figures(connection: sqlite3.Connection) -> Figures:
    """Return the figures of the journal behind `connection`. Raise StateError when it cannot be read."""
    checkpoints = rows(connection, "SELECT state, count(*) AS number FROM candidates GROUP BY state")
    deliveries = rows(connection, "SELECT sink, state, count(*) AS number FROM deliveries GROUP BY sink, state")
    [waiting] = rows(
        connection,
        "SELECT min(r.committed) AS since FROM deliveries d JOIN registrations r ON r.key = d.registration"
        " WHERE d.state IN ('PENDING', 'SENDING')",
    )
    [success] = rows(connection, "SELECT max(moved) AS at FROM deliveries WHERE state = 'DELIVERED'")
    errors = rows(connection, "SELECT last_error FROM deliveries WHERE last_error != '' ORDER BY moved DESC LIMIT 1")
    return Figures(
        checkpoints={row["state"]: row["number"] for row in checkpoints},
        deliveries={(row["sink"], row["state"]): row["number"] for row in deliveries},
        waiting_since=waiting["since"],
        last_success=success["at"],
        last_error=errors[0]["last_error"] if errors else "",
    )


def read_change_mark(connection: sqlite3.Connection) -> int:
    """Return SQLite's ``data_version``. Raise StateError when the journal cannot be read."""
    return int(rows(connection, "PRAGMA data_version")[0][0])
