"""Sessions, as rows. Each function runs in its caller's transaction."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from types import MappingProxyType

from modelwatch.core.database import rows
from modelwatch.server.accounts import users
from modelwatch.server.accounts.database import ACCOUNTS
from modelwatch.server.accounts.entities import Session
from modelwatch.server.accounts.secret_texts import csrf_token, new_token, read_token

LONGEST_SECONDS = 7 * 86_400.0
"""A session ends after a week, however it is used."""
IDLE_SECONDS = 86_400.0
"""A session ends when nothing is asked for a day."""


def begin(connection: sqlite3.Connection, user: sqlite3.Row, now: float) -> str:
    """Begin a session and return its token; sessions of anybody that are over are removed."""
    connection.execute("DELETE FROM sessions WHERE began <= ? OR seen <= ?", (now - LONGEST_SECONDS, now - IDLE_SECONDS))
    token = new_token()
    connection.execute(
        "INSERT INTO sessions (digest, user, one_time, began, seen) VALUES (?, ?, ?, ?, ?)",
        (read_token(token).digest, user["id"], int(user["one_time_until"] is not None), now, now),
    )
    return token


def find(connection: sqlite3.Connection, token: str, now: float) -> sqlite3.Row | None:
    """Return the row of a session and its user, None when there is no such session or it is over."""
    query = """
        SELECT u.*, s.digest, s.one_time, s.began, s.seen FROM sessions s JOIN users u ON u.id = s.user
        WHERE s.digest = ? AND s.began > ? AND s.seen > ? AND u.removed IS NULL
    """
    found = rows(connection, ACCOUNTS, query, (read_token(token).digest, now - LONGEST_SECONDS, now - IDLE_SECONDS))
    return found[0] if found else None


def told(connection: sqlite3.Connection, row: sqlite3.Row, token: str, now: float) -> Session:
    """Return a session as callers see it."""
    principal = users.principal(connection, row, now)
    if row["one_time"]:
        principal = replace(principal, roles=MappingProxyType({}), is_site_admin=False)
    return Session(
        principal=principal,
        csrf_token=csrf_token(token),
        expires=row["began"] + LONGEST_SECONDS,
        must_change_password=bool(row["one_time"]),
    )


def tell_use(connection: sqlite3.Connection, digest: bytes, now: float) -> None:
    """Write down that a session is used now."""
    connection.execute("UPDATE sessions SET seen = ? WHERE digest = ?", (now, digest))


def end(connection: sqlite3.Connection, digest: bytes) -> None:
    """End a session."""
    connection.execute("DELETE FROM sessions WHERE digest = ?", (digest,))
