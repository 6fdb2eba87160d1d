"""Who asks, and what they may: the value that every decision is made by."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

DEFAULT_TEAM = "default"
"""The team of options that name none; there from the start."""


class Role(enum.Enum):
    """What a member may do in a team. Each role may what those before it may."""

    VIEWER = "viewer"
    """See and download models."""
    WRITER = "writer"
    """Register, upload, change and delete models; publish them."""
    ADMIN = "admin"
    """Say who the members are, and make and revoke keys of the team."""

    def covers(self, needed: Role) -> bool:
        """Return whether who has this role may do what another role may."""
        return _RANKS[self] >= _RANKS[needed]


_RANKS: Mapping[Role, int] = {role: rank for rank, role in enumerate(Role)}


def weaker(one: Role, other: Role) -> Role:
    """Return the role that may less."""
    return one if other.covers(one) else other


class PrincipalKind(enum.Enum):
    """How it is known who asks."""

    USER = "user"
    """By a session."""
    KEY = "key"
    """By an API key."""
    LOCAL = "local"
    """They reach a server that has no accounts yet, on its own machine, or the repository's own folder."""
    ANONYMOUS = "anonymous"
    """It is not known."""


@dataclass(frozen=True, slots=True)
class Principal:
    """
    Who asks, as it was when they asked. It is looked up for every request and kept for none.

    Attributes:
        kind: How it is known.
        name: The user's name; the key's prefix, as ``mw_4kq7m2xa``; the operator's name on this machine; empty when nobody knows.
        roles: Team → role there. Of an admin of the whole server: every team there is.
        is_site_admin: Admin of every team and of the server itself. No key is.
        owner: The user whose key it is, None for a key of the team itself and for others than keys.
        is_site_admins_key: Whether it is a key of an admin of the whole server. It may no more in any team than other keys.
    """

    kind: PrincipalKind
    name: str = ""
    roles: Mapping[str, Role] = field(default_factory=lambda: MappingProxyType({}))
    is_site_admin: bool = False
    owner: str | None = None
    is_site_admins_key: bool = False

    @property
    def is_anonymous(self) -> bool:
        """Whether nobody knows who asks."""
        return self.kind is PrincipalKind.ANONYMOUS

    @property
    def runs_the_server(self) -> bool:
        """Whether they may see how the server does, over all teams: its admins, programs of theirs, and on a server without accounts everybody."""
        return self.is_site_admin or self.is_site_admins_key or self.kind is PrincipalKind.LOCAL

    @property
    def home_team(self) -> str | None:
        """The team that a request without one is about: a key's, or the only one; None when there are several or none."""
        return next(iter(self.roles)) if len(self.roles) == 1 else None

    def role_in(self, team: str) -> Role | None:
        """Return the role in a team, None for none; a team that does not exist looks like one of others."""
        return Role.ADMIN if self.is_site_admin else self.roles.get(team)

    def may(self, team: str, role: Role) -> bool:
        """Return whether they may do in a team what needs a role."""
        own = self.role_in(team)
        return own is not None and own.covers(role)

    def __str__(self) -> str:
        """Return how the audit names them: ``user:anna``, ``key:mw_4kq7m2xa``, ``local:root``, ``anonymous``."""
        return f"{self.kind.value}:{self.name}" if self.name else self.kind.value


ANONYMOUS = Principal(PrincipalKind.ANONYMOUS)
"""Whoever shows neither key nor session. What teams have published is for them too."""


def operator(name: str) -> Principal:
    """Return who works on the repository's own folder with the command line: whoever can write the database can do everything."""
    return Principal(PrincipalKind.LOCAL, name, is_site_admin=True)
