"""What became of the checkpoints of one training, as a report of its run tells it."""

from __future__ import annotations

import sqlite3

from modelwatch.core.entities import CheckpointState
from modelwatch.core.json import loads
from modelwatch.journal.connection import rows

_QUERY = """
    SELECT c.root, c.format, c.state, c.reason, c.seen, c.moved, c.step, c.epoch, c.registration, d.receipt
    FROM candidates c
    LEFT JOIN deliveries d ON d.registration = c.registration AND d.sink = ? AND d.kind = 'register'
    WHERE c.seen >= ? ORDER BY c.id DESC LIMIT ?
"""


def read_outcomes(connection: sqlite3.Connection, sink: str, *, since: float, limit: int) -> tuple[CheckpointState, ...]:
    """
    Return the newest checkpoints, oldest first.

    Args:
        connection: The journal's.

        sink: The sink whose version numbers are told.

        since: Those first seen earlier (seconds since the epoch) are left out.

        limit: How many at most.

    Raises:
        StateError: The journal cannot be read.
    """
    found = rows(connection, _QUERY, (sink, since, limit))
    return tuple(
        CheckpointState(
            root=loads(row["root"]),
            format=row["format"],
            state=row["state"],
            reason=row["reason"],
            seen=row["seen"],
            moved=row["moved"],
            step=row["step"],
            epoch=row["epoch"],
            registration=row["registration"],
            version=_version(row["receipt"]),
        )
        for row in reversed(found)
    )


def _version(receipt: str | None) -> int | None:
    """Return the number in a receipt, which a sink may write in a way of its own."""
    version = "" if receipt is None else str(loads(receipt)["version"])
    return int(version) if version.isascii() and version.isdecimal() else None
