"""The audit: what somebody did or was refused, written in the transaction that does it, never changed, and removed only when it is old."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from modelwatch.core.database import rows
from modelwatch.core.log import printable
from modelwatch.server.accounts.database import ACCOUNTS
from modelwatch.server.accounts.entities import AuditEntry
from modelwatch.server.accounts.principal import Principal

OK = "ok"

KEPT_DAYS = 400
"""How long the audit is kept unless somebody says otherwise: a year, and time to look back at it."""
LEAST_DAYS = 30
"""The database lets nothing go that is younger."""

_AT_ONCE = 5000
_LONGEST = 500
_AFTER_ALL = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Deed:
    """
    What is written of one deed, besides when it was and how it ended.

    Attributes:
        by: Who.
        what: Which.
        team: The team that it concerns, or empty.
        subject: What it is done to, or empty.
        detail: What else there is to say.
        address: Where the request came from, or empty.
    """

    by: Principal
    what: str
    team: str = ""
    subject: str = ""
    detail: str = ""
    address: str = ""


def write(connection: sqlite3.Connection, deed: Deed, now: float, outcome: str = OK) -> None:
    """Write an entry, in the caller's transaction."""
    texts = (str(deed.by), deed.what, deed.team, deed.subject, deed.detail, deed.address, outcome)
    connection.execute(
        "INSERT INTO audit (time, who, what, team, subject, detail, address, outcome) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (now, *(printable(text)[:_LONGEST] for text in texts)),
    )


def newest(connection: sqlite3.Connection, team: str, skip: int, limit: int) -> tuple[AuditEntry, ...]:
    """Return entries of one team, the newest first: at most `limit`, without the newest `skip`."""
    query = "SELECT * FROM audit WHERE team = ? ORDER BY id DESC LIMIT ? OFFSET ?"
    return tuple(AuditEntry(**dict(row)) for row in rows(connection, ACCOUNTS, query, (team, limit, skip)))


def entries(connection: sqlite3.Connection, team: str | None, before: int | None, limit: int) -> tuple[AuditEntry, ...]:
    """Return entries, of one team or of all, the newest first: at most `limit` of those before the entry with the id `before`."""
    end = _AFTER_ALL if before is None else before
    if team is None:
        found = rows(connection, ACCOUNTS, "SELECT * FROM audit WHERE id < ? ORDER BY id DESC LIMIT ?", (end, limit))
    else:
        query = "SELECT * FROM audit WHERE team = ? AND id < ? ORDER BY id DESC LIMIT ?"
        found = rows(connection, ACCOUNTS, query, (team, end, limit))
    return tuple(AuditEntry(**dict(row)) for row in found)


def forget(connection: sqlite3.Connection, before: float) -> int:
    """
    Remove the oldest entries that are from before a time, and return how many: so many at once that nobody waits long. 0: no more.

    Raises:
        sqlite3.IntegrityError: `before` is less than `LEAST_DAYS` ago.
    """
    oldest = rows(connection, ACCOUNTS, "SELECT id FROM audit WHERE time < ? ORDER BY id LIMIT ?", (before, _AT_ONCE))
    if oldest:
        connection.execute("UPDATE audit_kept SET since = max(since, ?)", (before,))
        connection.executemany("DELETE FROM audit WHERE id = ?", [(row["id"],) for row in oldest])
    return len(oldest)
