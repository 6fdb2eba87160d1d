"""Teams and who is in them, as rows. Each function runs in its caller's transaction."""

from __future__ import annotations

import sqlite3

from modelwatch.core.database import rows
from modelwatch.core.errors import NotFoundError, PermanentError
from modelwatch.server.accounts.database import ACCOUNTS
from modelwatch.server.accounts.entities import Member, Team
from modelwatch.server.accounts.names import folded, team_name
from modelwatch.server.accounts.principal import Role

_TEAMS = """
    SELECT t.name, t.made, (SELECT count(*) FROM memberships m WHERE m.team = t.id) AS members,
        (SELECT count(*) FROM keys k WHERE k.team = t.id AND k.revoked IS NULL AND coalesce(k.expires > ?, TRUE)) AS keys
    FROM teams t WHERE t.removed IS NULL ORDER BY t.folded
"""
_MEMBERS = """
    SELECT t.name AS team, u.name AS user, m.role, m.joined
    FROM memberships m JOIN teams t ON t.id = m.team JOIN users u ON u.id = m.user
"""


def find(connection: sqlite3.Connection, name: str) -> sqlite3.Row:
    """Return a team's row by its name. Raise NotFoundError, or UsageError for what can be no name."""
    query = "SELECT * FROM teams WHERE folded = ? AND removed IS NULL"
    for row in rows(connection, ACCOUNTS, query, (folded(team_name(name)),)):
        return row
    raise NotFoundError(f"there is no team {name}", hint="`modelwatch teams list` shows those that there are")


def listed(connection: sqlite3.Connection, now: float) -> tuple[Team, ...]:
    """Return all teams, by name."""
    return tuple(Team(**dict(row)) for row in rows(connection, ACCOUNTS, _TEAMS, (now,)))


def make(connection: sqlite3.Connection, name: str, now: float) -> None:
    """Make a team. Raise UsageError when the name cannot be one, PermanentError when it is another's."""
    try:
        connection.execute("INSERT INTO teams (name, folded, made) VALUES (?, ?, ?)", (team_name(name), folded(name), now))
    except sqlite3.IntegrityError:
        raise PermanentError(f"there is a team {find(connection, name)['name']} already") from None


def remove(connection: sqlite3.Connection, team: int, now: float) -> None:
    """Remove a team: its memberships end, and its keys are revoked."""
    connection.execute("UPDATE teams SET removed = ? WHERE id = ?", (now, team))
    connection.execute("DELETE FROM memberships WHERE team = ?", (team,))
    connection.execute("UPDATE keys SET revoked = ? WHERE team = ? AND revoked IS NULL", (now, team))


def join(connection: sqlite3.Connection, team: int, user: int, role: Role, now: float) -> None:
    """Make a user a member with a role, or give a member another role."""
    connection.execute(
        "INSERT INTO memberships (team, user, role, joined) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (team, user) DO UPDATE SET role = excluded.role, joined = excluded.joined WHERE role != excluded.role",
        (team, user, role.value, now),
    )


def require_another_admin(connection: sqlite3.Connection, team: sqlite3.Row, user: sqlite3.Row) -> None:
    """Raise PermanentError when a user is the only admin of a team: nobody in it could put that right."""
    query = "SELECT user FROM memberships WHERE team = ? AND role = 'admin'"
    if [row["user"] for row in rows(connection, ACCOUNTS, query, (team["id"],))] == [user["id"]]:
        raise PermanentError(
            f"the user {user['name']} is the only admin of {team['name']}", hint="make somebody else an admin of the team first"
        )


def leave(connection: sqlite3.Connection, team: sqlite3.Row, user: sqlite3.Row) -> None:
    """End a membership. Raise NotFoundError when there is none."""
    if not connection.execute("DELETE FROM memberships WHERE team = ? AND user = ?", (team["id"], user["id"])).rowcount:
        raise NotFoundError(f"the user {user['name']} is no member of {team['name']}")


def members(connection: sqlite3.Connection, team: int) -> tuple[Member, ...]:
    """Return a team's members, by name."""
    return _read(rows(connection, ACCOUNTS, f"{_MEMBERS} WHERE m.team = ? ORDER BY u.folded", (team,)))


def memberships(connection: sqlite3.Connection, user: int) -> tuple[Member, ...]:
    """Return a user's memberships, by the team's name."""
    return _read(rows(connection, ACCOUNTS, f"{_MEMBERS} WHERE m.user = ? ORDER BY t.folded", (user,)))


def _read(found: list[sqlite3.Row]) -> tuple[Member, ...]:
    return tuple(Member(row["team"], row["user"], Role(row["role"]), row["joined"]) for row in found)
