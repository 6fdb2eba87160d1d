"""
Whether the one who asks may call an endpoint, and the library that they get for it.

Somebody who is no member of a team cannot tell it from a team that does not exist: both are 404, and to a stranger everything that is
not published is 401.
"""

from __future__ import annotations

from starlette.requests import Request

from modelwatch.core.errors import NotFoundError, UsageError
from modelwatch.server.access.identify import Identity
from modelwatch.server.accounts.principal import DEFAULT_TEAM, Principal, PrincipalKind, Role
from modelwatch.server.endpoint import Call, Endpoint, Needs, path_parameter
from modelwatch.server.errors import RefusedError
from modelwatch.server.services import Services

_ROLES = {Needs.WRITE: Role.WRITER, Needs.ADMIN: Role.ADMIN}
_OF_A_TEAM = frozenset({Needs.READ, Needs.WRITE, Needs.ADMIN})


def unauthenticated() -> RefusedError:
    """Return the answer to somebody unknown who wants what is not for everybody."""
    return RefusedError(
        "an API key is needed",
        status=401,
        code="unauthenticated",
        hint="send it as X-API-Key or as Authorization: Bearer; `modelwatch keys add` makes one",
        headers={"WWW-Authenticate": "Bearer"},
    )


def authorise(endpoint: Endpoint, request: Request, services: Services, identity: Identity) -> Call:
    """
    Return the call that the endpoint's handler gets.

    Raises:
        RefusedError: 401 for the unknown, 403 for members whose role is too low.

        NotFoundError: For others.
    """
    principal = identity.principal
    if endpoint.needs not in _OF_A_TEAM:
        _check_without_team(endpoint.needs, principal)
        return Call(request, services, principal)
    team = path_parameter(request, "team") or _own_team(principal)
    if team is None:
        if principal.is_anonymous:
            raise unauthenticated()
        raise UsageError("the request names no team", hint="use an API key: each is of one team")
    if endpoint.needs is not Needs.READ:
        _check_role(_ROLES[endpoint.needs], principal, team)
    library = services.library(team, sees_all=principal.may(team, Role.VIEWER))
    return Call(request, services, principal, library)


def _own_team(principal: Principal) -> str | None:
    return DEFAULT_TEAM if principal.kind is PrincipalKind.LOCAL else principal.home_team


def _check_without_team(needs: Needs, principal: Principal) -> None:
    if needs in {Needs.PRINCIPAL, Needs.OPERATOR} and principal.is_anonymous:
        raise unauthenticated()
    if needs is Needs.OPERATOR and not principal.runs_the_server:
        raise RefusedError(
            "only those who run the server may see this",
            status=403,
            code="forbidden",
            hint="use a key that an admin of the server owns: `modelwatch keys add NAME --scope read --owner ADMIN`",
        )


def _check_role(role: Role, principal: Principal, team: str) -> None:
    if principal.may(team, role):
        return
    if principal.is_anonymous:
        raise unauthenticated()
    if not principal.may(team, Role.VIEWER):
        raise NotFoundError(f"there is no team {team!r}")
    raise RefusedError(
        f"this needs the role {role.value} in team {team}",
        status=403,
        code="forbidden",
        hint="an admin of the team can give you this role, or a key that has it",
    )
