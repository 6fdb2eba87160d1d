"""The audit: what somebody did or was refused, written in the transaction that does it, never changed or removed."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from modelwatch.core.database import rows
from modelwatch.core.log import printable
from modelwatch.server.accounts.database import ACCOUNTS
from modelwatch.server.accounts.entities import AuditEntry
from modelwatch.server.accounts.principal import Principal

OK = "ok"

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


def entries(connection: sqlite3.Connection, team: str | None, before: int | None, limit: int) -> tuple[AuditEntry, ...]:
    """Return entries, of one team or of all, the newest first: at most `limit` of those before the entry with the id `before`."""
    end = _AFTER_ALL if before is None else before
    if team is None:
        found = rows(connection, ACCOUNTS, "SELECT * FROM audit WHERE id < ? ORDER BY id DESC LIMIT ?", (end, limit))
    else:
        query = "SELECT * FROM audit WHERE team = ? AND id < ? ORDER BY id DESC LIMIT ?"
        found = rows(connection, ACCOUNTS, query, (team, end, limit))
    return tuple(AuditEntry(**dict(row)) for row in found)
