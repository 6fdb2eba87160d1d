"""Who the server takes us for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from modelwatch.client.connection import API, Connection
from modelwatch.client.failures import KEY_HINT, no_server
from modelwatch.core.errors import AccessError

_MAY_REGISTER = frozenset({"writer", "admin"})


@dataclass(frozen=True, slots=True)
class About:
    """
    What a server says of itself and of who asks.

    Attributes:
        url: Its address.
        version: Of modelwatch there.
        kind: How it knows who asks: ``user``, ``key``, ``local`` or ``anonymous``.
        name: Whom it takes them for; empty when nobody knows.
        roles: Team → role there.
    """

    url: str
    version: str
    kind: str
    name: str
    roles: Mapping[str, str]

    @property
    def who(self) -> str:
        """Who asks, for people."""
        if self.kind == "local":
            return "as everyone on this machine: it has no accounts"
        return f"as {self.kind} {self.name}" if self.name else "as nobody it knows"

    def require_member(self, team: str) -> str:
        """Return the role in a team. Raise AccessError, with what to do, when there is none: only what is published can be seen then."""
        role = self.roles.get(team)
        if role is not None:
            return role
        if self.kind == "anonymous":
            raise AccessError(f"{self.url} needs an API key", hint=KEY_HINT)
        known = ", ".join(sorted(self.roles)) or "none"
        raise AccessError(
            f"{self.url} knows us {self.who}, who is in no team {team!r}", hint=f"--team names the team; there is: {known}"
        )

    def require_writer(self, team: str) -> None:
        """Raise AccessError, with what to do, when versions of a team cannot be registered."""
        if self.require_member(team) not in _MAY_REGISTER:
            raise AccessError(
                f"{self.url} knows us {self.who}, who may only look at the models of team {team!r}", hint="use a key that may write"
            )


def about(connection: Connection) -> About:
    """Ask a server who it is. Raise as `Connection`."""
    value = connection.request("GET", API).value
    try:
        server, version, who = value["server"], str(value["version"]), value["who"]
        roles = {str(each["team"]): str(each["role"]) for each in who["teams"]}
        found = About(connection.url, version, str(who["kind"]), str(who["name"]), roles)
    except (KeyError, TypeError) as error:
        raise no_server(connection.url, f"{API} says something else") from error
    if server != "modelwatch":
        raise no_server(connection.url, f"{API} is of {server}")
    return found
