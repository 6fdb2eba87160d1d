"""The API keys of a team: one's own, and for its admins all of them."""

from __future__ import annotations

import contextlib
from typing import Final

from starlette.responses import Response

from modelwatch.core.errors import ModelwatchError, NotFoundError, PermanentError, UsageError
from modelwatch.server.accounts.entities import ApiKey, NewKey, Scope
from modelwatch.server.accounts.principal import PrincipalKind, Role
from modelwatch.server.endpoint import Call, Endpoint, Needs, Takes
from modelwatch.server.errors import RefusedError, status_of
from modelwatch.server.pages.forms import text_of
from modelwatch.server.pages.members_page import members_only
from modelwatch.server.pages.rendering import Toast, page, redirect, team_path

_DAY_SECONDS: Final = 86_400.0
_SCOPE_WORDS: Final = {
    "read": "Reading: list and download",
    "write": "Writing: register and upload as well",
    "admin": "Everything, members and keys too",
}


def _show(call: Call) -> Response:
    members_only(call)
    return _keys_page(call)


def _keys_page(call: Call, error: ModelwatchError | None = None, made: NewKey | None = None) -> Response:
    team, principal = call.library.team, call.principal
    admin = principal.may(team, Role.ADMIN)
    is_user = principal.kind is PrincipalKind.USER
    keys = call.services.accounts.keys(team=team, owner=None if admin else principal.name)
    return page(
        call,
        "keys.html",
        title="API keys",
        section="keys",
        status=200 if error is None else status_of(error)[0],
        error=error,
        made=made,
        keys=sorted(keys, key=lambda key: (key.state.value != "good", -key.made)),
        may_make=is_user,
        may_make_shared=admin,
        scopes=[scope for scope in Scope if principal.may(team, scope.role)],
        scope_words=_SCOPE_WORDS,
    )


def _make(call: Call) -> Response:
    """Make a key. It is shown in this answer and never again, so there is no redirection; nobody keeps the answer."""
    members_only(call)
    team, principal = call.library.team, call.principal
    if principal.kind is not PrincipalKind.USER:
        raise RefusedError(
            "only somebody who has signed in can make a key here",
            status=403,
            code="forbidden",
            hint="on the command line, beside the repository: modelwatch keys add",
        )
    shared = bool(text_of(call, "shared")) and principal.may(team, Role.ADMIN)
    try:
        scope = _scope(call)
        made = call.services.accounts.make_key(
            team,
            text_of(call, "name").strip(),
            scope,
            owner=None if shared else principal.name,
            expires=_expiry(call),
            by=principal,
            address=call.request.client.host if call.request.client else "",
        )
    except (UsageError, PermanentError) as error:
        return _keys_page(call, error)
    return _keys_page(call, made=made)


def _scope(call: Call) -> Scope:
    try:
        scope = Scope(text_of(call, "scope"))
    except ValueError as error:
        raise UsageError("a key is for reading, for writing or for everything") from error
    if not call.principal.may(call.library.team, scope.role):
        raise PermanentError(f"you may not make a key that may more than you: {scope.value}")
    return scope


def _expiry(call: Call) -> float | None:
    days = text_of(call, "days")
    if not days:
        return None
    if not (days.isascii() and days.isdigit() and 0 < int(days[:6]) <= 3660):
        raise UsageError("a key ends after 1 to 3660 days, or never")
    return call.services.clock.now() + int(days) * _DAY_SECONDS


def _revoke(call: Call) -> Response:
    members_only(call)
    key = _own_key(call)
    call.services.accounts.revoke_key(
        key.prefix, by=call.principal, address=call.request.client.host if call.request.client else ""
    )
    return redirect(call, team_path(call.library.team, "keys"), toast=Toast(f"{key.name or key.prefix} is revoked."))


def _own_key(call: Call) -> ApiKey:
    """Return the key that the address names. Raise NotFoundError for one that is none of theirs, as if it did not exist."""
    team = call.library.team
    with contextlib.suppress(NotFoundError):
        key = call.services.accounts.key(call.path("prefix"))
        if key.team == team and (call.principal.may(team, Role.ADMIN) or key.owner == call.principal.name):
            return key
    raise NotFoundError("there is no such key")


ENDPOINTS = (
    Endpoint("GET", "/{team}/keys", Needs.READ, _show, name="page_keys", text="One's API keys, or all of a team."),
    Endpoint("POST", "/{team}/keys", Needs.READ, _make, Takes.FORM, name="form_make_key", text="Make an API key."),
    Endpoint(
        "POST", "/{team}/keys/{prefix}/revoke", Needs.READ, _revoke, Takes.FORM, name="form_revoke_key", text="End an API key."
    ),
)
