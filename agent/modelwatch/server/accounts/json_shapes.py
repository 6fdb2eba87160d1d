"""The JSON shapes of teams, members, users, keys and audit entries, as the command line prints them and the server answers them: docs/accounts.md."""

from __future__ import annotations

from modelwatch.core.json import JsonValue
from modelwatch.repository.json_shapes import timestamp
from modelwatch.server.accounts.entities import ApiKey, AuditEntry, Member, Team, User


def _time(seconds: float | None) -> str | None:
    return None if seconds is None else timestamp(seconds)


def team_json(team: Team) -> JsonValue:
    """Return a team."""
    return {"name": team.name, "created": _time(team.made), "members": team.members, "keys": team.keys}


def member_json(member: Member) -> JsonValue:
    """Return a membership."""
    return {"team": member.team, "user": member.user, "role": member.role.value, "joined": _time(member.joined)}


def user_json(user: User) -> JsonValue:
    """Return a user."""
    return {
        "name": user.name,
        "site_admin": user.is_site_admin,
        "created": _time(user.made),
        "teams": [{"team": each.team, "role": each.role.value, "joined": _time(each.joined)} for each in user.teams],
        "one_time_until": _time(user.one_time_until),
        "last_seen": _time(user.last_seen),
    }


def key_json(key: ApiKey) -> JsonValue:
    """Return a key, without its secret."""
    return {
        "prefix": key.prefix,
        "name": key.name,
        "team": key.team,
        "scope": key.scope.value,
        "owner": key.owner,
        "created": _time(key.made),
        "expires": _time(key.expires),
        "revoked": _time(key.revoked),
        "last_used": _time(key.last_used),
        "state": key.state.value,
    }


def audit_json(entry: AuditEntry) -> JsonValue:
    """Return an entry of the audit."""
    return {
        "id": entry.id,
        "time": _time(entry.time),
        "who": entry.who,
        "what": entry.what,
        "team": entry.team or None,
        "subject": entry.subject or None,
        "detail": entry.detail or None,
        "address": entry.address or None,
        "outcome": entry.outcome,
    }
