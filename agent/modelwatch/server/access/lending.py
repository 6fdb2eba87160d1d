"""
What a link lends: no more than who made it may at the moment it is used.

A link is signed and says who made it. When their key was revoked, they have left the team, or what was published is published no more,
the link ends with that; so does one that was made while the server was open to everybody on its machine.
"""

from __future__ import annotations

from modelwatch.core.json import JsonValue
from modelwatch.server.access.links import LinkSigner
from modelwatch.server.accounts.principal import ANONYMOUS, Principal, PrincipalKind
from modelwatch.server.errors import RefusedError
from modelwatch.server.services import Services

_MAKER = "by"


def lend(links: LinkSigner, principal: Principal, purpose: str, fields: dict[str, JsonValue], lifetime_seconds: float) -> str:
    """Return the token of a link that somebody makes."""
    maker = {"kind": principal.kind.value, "name": principal.name}
    return links.token(purpose, {**fields, _MAKER: maker}, lifetime_seconds)


def borrow(services: Services, purpose: str, token: str) -> tuple[dict[str, JsonValue], Principal]:
    """
    Return what a link is for, and its maker with what they may now.

    Raises:
        RefusedError: It is none of this server's for this purpose, has expired, or its maker is nobody any more.
    """
    fields = services.links.read(purpose, token).fields
    maker = fields.get(_MAKER)
    if maker is None:
        raise RefusedError("the link is of another release", status=403, code="bad_link", hint="ask for a new one")
    principal = _now(services, PrincipalKind(maker["kind"]), maker["name"], fields["team"])
    if principal is None:
        raise ended()
    return fields, principal


def ended() -> RefusedError:
    """Return the answer to a link whose maker may not do any more what it is for."""
    return RefusedError("the link has ended: who made it may not do this any more", status=403, code="ended_link")


def _now(services: Services, kind: PrincipalKind, name: str, team: str) -> Principal | None:
    if kind is PrincipalKind.ANONYMOUS:
        return ANONYMOUS
    if kind is PrincipalKind.LOCAL:
        return services.local_principal(team) if services.is_open() else None
    return services.accounts.standing(kind, name)
