"""The members of a team."""

from __future__ import annotations

from starlette.responses import Response

from modelwatch.core.errors import ModelwatchError, NotFoundError, PermanentError, UsageError
from modelwatch.server.accounts.principal import PrincipalKind, Role
from modelwatch.server.endpoint import Call, Endpoint, Needs, Takes
from modelwatch.server.errors import status_of
from modelwatch.server.pages.forms import text_of
from modelwatch.server.pages.rendering import Toast, page, redirect, team_path


def members_only(call: Call) -> None:
    """Raise NotFoundError for who is no member of the team that the address names: what it published says nothing of its members."""
    if not call.library.sees_all:
        raise NotFoundError("there is nothing at this address")


def _show(call: Call) -> Response:
    members_only(call)
    return _members_page(call)


def _members_page(call: Call, error: ModelwatchError | None = None) -> Response:
    is_local = call.principal.kind is PrincipalKind.LOCAL
    return page(
        call,
        "members.html",
        title=f"Team {call.library.team}",
        section="members",
        status=200 if error is None else status_of(error)[0],
        error=error,
        members=() if is_local else call.services.accounts.members(call.library.team),
        is_local=is_local,
        roles=list(Role),
    )


def _join(call: Call) -> Response:
    user = text_of(call, "user").strip()
    try:
        role = Role(text_of(call, "role"))
        call.services.accounts.join(call.library.team, user, role, by=call.principal, address=_address(call))
    except ValueError as error:
        return _members_page(call, UsageError(str(error)))
    except (UsageError, PermanentError, NotFoundError) as error:
        return _members_page(call, error)
    return redirect(call, _path(call), toast=Toast(f"{user} is {role.value} of {call.library.team}."))


def _leave(call: Call) -> Response:
    user = text_of(call, "user")
    try:
        call.services.accounts.leave(call.library.team, user, by=call.principal, address=_address(call))
    except (UsageError, NotFoundError):  # whether there is somebody of this name elsewhere is not the team's business
        return _members_page(call, NotFoundError(f"no member of {call.library.team} is called {user}"))
    except PermanentError as error:
        return _members_page(call, error)
    return redirect(call, _path(call), toast=Toast(f"{user} is no member of {call.library.team} any more."))


def _path(call: Call) -> str:
    return team_path(call.library.team, "members")


def _address(call: Call) -> str:
    return call.request.client.host if call.request.client else ""


ENDPOINTS = (
    Endpoint("GET", "/{team}/members", Needs.READ, _show, name="page_members", text="A team's members."),
    Endpoint("POST", "/{team}/members", Needs.ADMIN, _join, Takes.FORM, name="form_join", text="Add a member, or change a role."),
    Endpoint("POST", "/{team}/members/remove", Needs.ADMIN, _leave, Takes.FORM, name="form_leave", text="Remove a member."),
)
