"""Giving deliveries another address: a repository was mistyped, has moved, or is mounted elsewhere on this machine."""

from __future__ import annotations

import sqlite3
from collections import Counter

_UNARRIVED = "SELECT registration, sink FROM deliveries WHERE kind = 'register' AND state IN ('PENDING', 'REJECTED') AND sink != ?"

_NOTE = """
    INSERT INTO events (at, machine, subject, from_state, to_state, detail)
    SELECT ?, 'delivery', id, state, state, 'redirected from ' || sink FROM deliveries WHERE registration = ? AND sink = ?
"""

_RELEASE = """
    UPDATE registrations SET snapshot = NULL WHERE key = ? AND NOT EXISTS
    (SELECT 1 FROM deliveries WHERE registration = registrations.key AND kind = 'register' AND state != 'DELIVERED')
"""


def redirect(connection: sqlite3.Connection, sink: str, now: float) -> Counter[str]:
    """
    Do what `modelwatch.journal.journal.Journal.redirect` says. Call inside of a transaction.

    Args:
        connection: The journal's.

        sink: Where to.

        now: Seconds since the epoch.

    Returns:
        For each other sink, how many deliveries have another address now.
    """
    redirected: Counter[str] = Counter()
    for key, other in connection.execute(_UNARRIVED, (sink,)).fetchall():
        if connection.execute("SELECT 1 FROM deliveries WHERE registration = ? AND sink = ?", (key, sink)).fetchone():
            connection.execute("DELETE FROM deliveries WHERE registration = ? AND sink = ?", (key, other))
            connection.execute(_RELEASE, (key,))
            continue
        connection.execute(
            "UPDATE deliveries SET state = 'PENDING', moved = ? WHERE registration = ? AND sink = ? AND state = 'REJECTED'",
            (now, key, other),
        )
        connection.execute(_NOTE, (now, key, other))
        redirected[other] += connection.execute(
            "UPDATE deliveries SET sink = ?, attempts = 0, not_before = 0, last_error = '' WHERE registration = ? AND sink = ?",
            (sink, key, other),
        ).rowcount
    return redirected
