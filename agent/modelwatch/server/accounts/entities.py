"""Teams, users, keys, sessions and audit entries, as they are told to callers: no secret is in any of them but `NewKey` and `SignedIn`."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from modelwatch.server.accounts.principal import Principal, Role


class Scope(enum.Enum):
    """What a key is for."""

    READ = "read"
    WRITE = "write"
    ADMIN = "admin"

    @property
    def role(self) -> Role:
        """The role that the key has in its team."""
        return {Scope.READ: Role.VIEWER, Scope.WRITE: Role.WRITER, Scope.ADMIN: Role.ADMIN}[self]


@dataclass(frozen=True, slots=True)
class Team:
    """
    A team: models belong to it, and people and keys have a role in it.

    Attributes:
        name: As agents give it with ``--team``.
        made: When; seconds since the epoch, as every time here.
        members: How many.
        keys: How many that are neither revoked nor expired.
    """

    name: str
    made: float
    members: int
    keys: int


@dataclass(frozen=True, slots=True)
class Member:
    """
    Somebody's membership of a team.

    Attributes:
        team: The team.
        user: Who.
        role: What they may there.
        joined: Since when they have this role.
    """

    team: str
    user: str
    role: Role
    joined: float


@dataclass(frozen=True, slots=True)
class User:
    """
    A person.

    Attributes:
        name: What they sign in with, in any letter case.
        is_site_admin: Admin of every team and of the server.
        made: When.
        teams: Their memberships.
        one_time_until: Until when the one-time password that they have is good; None once they have chosen their own.
        last_seen: When they last used a session, None for never or no session left.
    """

    name: str
    is_site_admin: bool
    made: float
    teams: tuple[Member, ...]
    one_time_until: float | None
    last_seen: float | None


class KeyState(enum.Enum):
    """Whether a key is good."""

    GOOD = "good"
    REVOKED = "revoked"
    EXPIRED = "expired"
    ORPHANED = "orphaned"
    """Its owner is no member of its team any more."""


@dataclass(frozen=True, slots=True)
class ApiKey:
    """
    A key, without its secret.

    Attributes:
        prefix: Its public part, as ``mw_4kq7m2xa``, which names it.
        name: What people call it.
        team: The one team that it is for.
        scope: What it is for. What it may is never more than what its owner may at that moment.
        owner: Whose it is; None for a key of the team itself, as machines have.
        made: When.
        expires: When it ends, None for never.
        revoked: When somebody ended it, None when nobody has.
        last_used: To the minute; None for never.
        state: Whether it is good, at the time of asking.
    """

    prefix: str
    name: str
    team: str
    scope: Scope
    owner: str | None
    made: float
    expires: float | None
    revoked: float | None
    last_used: float | None
    state: KeyState


@dataclass(frozen=True, slots=True)
class NewKey:
    """
    A key that was just made.

    Attributes:
        key: What is kept of it.
        text: The key itself, which is told here and nowhere else, ever.
    """

    key: ApiKey
    text: str

    def __repr__(self) -> str:
        """Return the key without its secret: a traceback is no place for it."""
        return f"NewKey({self.key!r})"


@dataclass(frozen=True, slots=True)
class Session:
    """
    A session that is going on.

    Attributes:
        principal: Who; without any role while `must_change_password`.
        csrf_token: What a form must carry that was made for this session.
        expires: When it ends at the latest.
        must_change_password: They signed in with a one-time password, which is good for choosing their own and for nothing else.
    """

    principal: Principal
    csrf_token: str
    expires: float
    must_change_password: bool


@dataclass(frozen=True, slots=True)
class SignedIn:
    """
    A session that just began.

    Attributes:
        token: For the cookie; it is not kept in this form.
        session: The session.
    """

    token: str
    session: Session

    def __repr__(self) -> str:
        """Return the session without its token."""
        return f"SignedIn({self.session.principal})"


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """
    One thing that somebody did, or was refused.

    Attributes:
        id: Grows with every entry.
        time: When.
        who: As `Principal` writes itself.
        what: For example ``key-made``; docs/accounts.md has them all.
        team: The team that it concerns, or empty.
        subject: What it was done to, or empty.
        detail: What else there is to say.
        address: Where the request came from; empty for the command line.
        outcome: ``ok``, or why not.
    """

    id: int
    time: float
    who: str
    what: str
    team: str
    subject: str
    detail: str
    address: str
    outcome: str
