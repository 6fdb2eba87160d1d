"""Users, as rows. Each function runs in its caller's transaction."""

from __future__ import annotations

import sqlite3
from types import MappingProxyType

from modelwatch.core.database import rows
from modelwatch.core.errors import NotFoundError, PermanentError
from modelwatch.server.accounts import teams
from modelwatch.server.accounts.database import ACCOUNTS
from modelwatch.server.accounts.entities import User
from modelwatch.server.accounts.names import folded, user_name
from modelwatch.server.accounts.principal import Principal, PrincipalKind, Role

_USERS = """
    SELECT u.*, (SELECT max(s.seen) FROM sessions s WHERE s.user = u.id) AS last_seen
    FROM users u WHERE u.removed IS NULL ORDER BY u.folded
"""


def find(connection: sqlite3.Connection, name: str) -> sqlite3.Row:
    """Return a user's row by their name. Raise NotFoundError, or UsageError for what can be no name."""
    row = lookup(connection, folded(user_name(name)))
    if row is not None:
        return row
    raise NotFoundError(f"there is no user {name}", hint="`modelwatch users list` shows those that there are")


def lookup(connection: sqlite3.Connection, folded_name: str) -> sqlite3.Row | None:
    """Return a user's row by their folded name, or None."""
    found = rows(connection, ACCOUNTS, "SELECT * FROM users WHERE folded = ? AND removed IS NULL", (folded_name,))
    return found[0] if found else None


def listed(connection: sqlite3.Connection) -> tuple[User, ...]:
    """Return all users, by name."""
    return tuple(
        User(
            name=row["name"],
            is_site_admin=bool(row["site_admin"]),
            made=row["made"],
            teams=teams.memberships(connection, row["id"]),
            one_time_until=row["one_time_until"],
            last_seen=row["last_seen"],
        )
        for row in rows(connection, ACCOUNTS, _USERS)
    )


def make(  # noqa: PLR0913 - the columns of one row
    connection: sqlite3.Connection, name: str, password: str, *, one_time_until: float | None, site_admin: bool, now: float
) -> None:
    """Make a user with a sealed password. Raise UsageError when the name cannot be one, PermanentError when it is another's."""
    try:
        connection.execute(
            "INSERT INTO users (name, folded, password, one_time_until, site_admin, made) VALUES (?, ?, ?, ?, ?, ?)",
            (user_name(name), folded(name), password, one_time_until, int(site_admin), now),
        )
    except sqlite3.IntegrityError:
        raise PermanentError(f"there is a user {find(connection, name)['name']} already") from None


def remove(connection: sqlite3.Connection, user: int, now: float) -> None:
    """Remove a user: their sessions and memberships end, and their keys are revoked."""
    connection.execute("UPDATE users SET removed = ?, password = '', site_admin = 0 WHERE id = ?", (now, user))
    connection.execute("DELETE FROM sessions WHERE user = ?", (user,))
    connection.execute("DELETE FROM memberships WHERE user = ?", (user,))
    connection.execute("UPDATE keys SET revoked = ? WHERE owner = ? AND revoked IS NULL", (now, user))


def set_password(connection: sqlite3.Connection, user: int, password: str, *, one_time_until: float | None) -> None:
    """Set a sealed password, and end every session: whoever knew the old one is out."""
    connection.execute("UPDATE users SET password = ?, one_time_until = ? WHERE id = ?", (password, one_time_until, user))
    connection.execute("DELETE FROM sessions WHERE user = ?", (user,))


def seal_again(connection: sqlite3.Connection, user: int, password: str) -> None:
    """Keep the same password sealed in another way."""
    connection.execute("UPDATE users SET password = ? WHERE id = ? AND password != ?", (password, user, password))


def set_site_admin(connection: sqlite3.Connection, user: int, *, site_admin: bool) -> None:
    """Make a user an admin of the server, or no longer one."""
    connection.execute("UPDATE users SET site_admin = ? WHERE id = ?", (int(site_admin), user))


def principal(connection: sqlite3.Connection, user: sqlite3.Row, now: float) -> Principal:
    """Return a user, with the roles that they have."""
    if user["site_admin"]:
        roles = {team.name: Role.ADMIN for team in teams.listed(connection, now)}
    else:
        roles = {member.team: member.role for member in teams.memberships(connection, user["id"])}
    return Principal(PrincipalKind.USER, user["name"], MappingProxyType(roles), is_site_admin=bool(user["site_admin"]))
