"""API keys, as rows, and what each may at the moment. Each function runs in its caller's transaction."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from types import MappingProxyType

from modelwatch.core.database import rows
from modelwatch.core.errors import NotFoundError, PermanentError, UsageError
from modelwatch.server.accounts.database import ACCOUNTS
from modelwatch.server.accounts.entities import ApiKey, KeyState, Scope
from modelwatch.server.accounts.names import folded, key_name
from modelwatch.server.accounts.principal import Principal, PrincipalKind, Role, weaker
from modelwatch.server.accounts.secret_texts import NOTHING, SecretText, new_key, read_key, read_prefix

UNKNOWN = "no such key"
WRONG_SECRET = "its secret is wrong"  # noqa: S105 - what the audit says

_KEYS = """
    SELECT k.*, t.name AS team_name, t.removed AS team_removed, u.name AS owner_name, u.site_admin AS owner_is_site_admin,
        m.role AS owner_role
    FROM keys k JOIN teams t ON t.id = k.team LEFT JOIN users u ON u.id = k.owner
        LEFT JOIN memberships m ON m.user = k.owner AND m.team = k.team
"""


def make(  # noqa: PLR0913 - the columns of one row
    connection: sqlite3.Connection,
    *,
    name: str,
    team: sqlite3.Row,
    scope: Scope,
    owner: sqlite3.Row | None,
    expires: float | None,
    now: float,
) -> str:
    """
    Make a key and return its text.

    Raises:
        UsageError: The name cannot be one, or it would end before it begins.

        PermanentError: The owner may not do what the key is for.
    """
    if expires is not None and expires <= now:
        raise UsageError("a key cannot have expired before it is made")
    text = new_key()
    while (secret := read_key(text)) is None or rows(connection, ACCOUNTS, "SELECT 1 FROM keys WHERE prefix = ?", (secret.prefix,)):
        text = new_key()
    connection.execute(
        "INSERT INTO keys (prefix, digest, name, team, scope, owner, made, expires) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (secret.prefix, secret.digest, key_name(name), team["id"], scope.value, owner and owner["id"], now, expires),
    )
    if owner is not None:
        may = _owner_role(find(connection, secret.prefix))
        if may is None or not may.covers(scope.role):
            has = f"is only {may.value} in" if may else "is no member of"
            raise PermanentError(f"the user {owner['name']} {has} {team['name']}: a key of theirs cannot be for {scope.value}")
    return text


def find(connection: sqlite3.Connection, named: str) -> sqlite3.Row:
    """Return a key's row, named by its prefix or by the whole key. Raise NotFoundError."""
    prefix = read_prefix(named)
    if prefix is not None:
        for row in rows(connection, ACCOUNTS, f"{_KEYS} WHERE k.prefix = ?", (prefix,)):
            return row
    raise NotFoundError("there is no such key", hint="name it by its first part, as mw_4kq7m2xa; `modelwatch keys list` shows it")


def listed(connection: sqlite3.Connection, now: float, *, team: str | None, owner: str | None) -> tuple[ApiKey, ...]:
    """Return all keys, or those of a team or of an owner, the oldest first."""
    found = [told(row, now) for row in rows(connection, ACCOUNTS, f"{_KEYS} ORDER BY k.made, k.prefix")]
    if team is not None:
        found = [key for key in found if folded(key.team) == folded(team)]
    if owner is not None:
        found = [key for key in found if key.owner is not None and folded(key.owner) == folded(owner)]
    return tuple(found)


def told(row: sqlite3.Row, now: float) -> ApiKey:
    """Return a key as callers see it."""
    return ApiKey(
        prefix=row["prefix"],
        name=row["name"],
        team=row["team_name"],
        scope=Scope(row["scope"]),
        owner=row["owner_name"],
        made=row["made"],
        expires=row["expires"],
        revoked=row["revoked"],
        last_used=row["last_used"],
        state=_state(row, now),
    )


def revoke(connection: sqlite3.Connection, prefix: str, now: float) -> None:
    """End a key. One that was revoked before stays so since then."""
    connection.execute("UPDATE keys SET revoked = ? WHERE prefix = ? AND revoked IS NULL", (now, prefix))


@dataclass(frozen=True, slots=True)
class Shown:
    """
    A key that somebody showed.

    Attributes:
        principal: Who that makes them, or why they are nobody.
        team: The team of the key that was named, empty when there is none.
        last_used: When the key was last used, as far as it is written down.
    """

    principal: Principal | str
    team: str = ""
    last_used: float | None = None


def shown(connection: sqlite3.Connection, secret: SecretText | None, now: float) -> Shown:
    """Return what becomes of somebody who shows a key, or a text that has not the form of one."""
    found = rows(connection, ACCOUNTS, f"{_KEYS} WHERE k.prefix = ?", (secret.prefix,)) if secret else []
    row = found[0] if found else None
    right = secret is not None and secret.is_of(row["digest"] if row else NOTHING)
    if row is None:
        return Shown(UNKNOWN)
    if not right:
        return Shown(WRONG_SECRET, row["team_name"])
    state = _state(row, now)
    if state is not KeyState.GOOD:
        return Shown(state.value, row["team_name"])
    return Shown(_principal(row), row["team_name"], row["last_used"])


def standing(connection: sqlite3.Connection, prefix: str, now: float) -> Principal | None:
    """Return who has the key of this prefix and what that may now, None when it is not good any more."""
    for row in rows(connection, ACCOUNTS, f"{_KEYS} WHERE k.prefix = ?", (prefix,)):
        if _state(row, now) is KeyState.GOOD:
            return _principal(row)
    return None


def _principal(row: sqlite3.Row) -> Principal:
    role, owner_role = Scope(row["scope"]).role, _owner_role(row)
    if row["owner"] is not None and owner_role is not None:
        role = weaker(role, owner_role)
    roles = MappingProxyType({row["team_name"]: role})
    return Principal(
        PrincipalKind.KEY,
        row["prefix"],
        roles,
        owner=row["owner_name"],
        is_site_admins_key=bool(row["owner_is_site_admin"]),
    )


def tell_use(connection: sqlite3.Connection, prefix: str, now: float) -> None:
    """Write down that a key is used now."""
    connection.execute("UPDATE keys SET last_used = ? WHERE prefix = ?", (now, prefix))


def _owner_role(row: sqlite3.Row) -> Role | None:
    if row["owner_is_site_admin"]:
        return Role.ADMIN
    return Role(row["owner_role"]) if row["owner_role"] else None


def _state(row: sqlite3.Row, now: float) -> KeyState:
    if row["revoked"] is not None:
        return KeyState.REVOKED
    if row["expires"] is not None and row["expires"] <= now:
        return KeyState.EXPIRED
    if row["owner"] is not None and _owner_role(row) is None:
        return KeyState.ORPHANED
    return KeyState.GOOD
