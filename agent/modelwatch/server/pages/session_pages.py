"""Signing in and out, and one's password."""

from __future__ import annotations

from typing import Final

from starlette.responses import RedirectResponse, Response

from modelwatch.core.errors import UsageError
from modelwatch.server.access.identify import SESSION_COOKIE
from modelwatch.server.accounts.entities import SignedIn
from modelwatch.server.accounts.passwords import SHORTEST
from modelwatch.server.accounts.principal import PrincipalKind
from modelwatch.server.accounts.throttle import Refused
from modelwatch.server.addresses import base_url
from modelwatch.server.endpoint import Call, Endpoint, Needs, Takes
from modelwatch.server.errors import RefusedError
from modelwatch.server.pages.forms import text_of
from modelwatch.server.pages.rendering import page

_WRONG: Final = "name and password do not fit"


def _show(call: Call) -> Response:
    if call.principal.kind is PrincipalKind.USER:
        return RedirectResponse(own_path(call.query("next")), 303)
    return _login_page(call, "", call.query("next") or "")


def _login_page(call: Call, name: str, wanted: str, error: RefusedError | None = None) -> Response:
    response = page(
        call,
        "login.html",
        title="Sign in",
        section="login",
        status=200 if error is None else error.status,
        error=error,
        name=name,
        next=own_path(wanted),
    )
    response.headers.update(error.headers if error is not None else {})
    return response


def _login(call: Call) -> Response:
    name, password = text_of(call, "name").strip(), text_of(call, "password")
    found = call.services.accounts.login(name, password, _address(call))
    if not isinstance(found, SignedIn):
        return _login_page(call, name, text_of(call, "next"), _refused(found, _WRONG))
    return _begun(call, found, "/password" if found.session.must_change_password else own_path(text_of(call, "next")))


def _refused(found: Refused | None, wrong: str) -> RefusedError:
    if found is None:
        return RefusedError(wrong, status=403, code="wrong_password")
    seconds = max(1, round(found.retry_after_seconds))
    return RefusedError(
        "too many attempts that failed",
        status=429,
        code="too_many_attempts",
        hint=f"try again in {seconds} s",
        headers={"Retry-After": str(seconds)},
    )


def _begun(call: Call, signed_in: SignedIn, path: str) -> Response:
    response = RedirectResponse(path, 303)
    response.set_cookie(
        SESSION_COOKIE,
        signed_in.token,
        httponly=True,
        secure=base_url(call.request, call.services).startswith("https:"),
        samesite="lax",  # a link in a message leads in; what changes something needs the token besides
        path="/",
    )
    return response


def _logout(call: Call) -> Response:
    call.services.accounts.logout(call.request.cookies.get(SESSION_COOKIE, ""), _address(call))
    response = RedirectResponse("/", 303)
    response.delete_cookie(SESSION_COOKIE, path="/")
    response.headers["Clear-Site-Data"] = '"cache"'
    return response


def _show_password(call: Call) -> Response:
    return _password_page(call)


def _password_page(call: Call, error: RefusedError | UsageError | None = None) -> Response:
    session = call.services.accounts.session(call.request.cookies.get(SESSION_COOKIE, ""))
    if session is None:
        raise RefusedError("only who has signed in has a password", status=401, code="unauthenticated")
    status = 200 if error is None else error.status if isinstance(error, RefusedError) else 400
    return page(
        call, "password.html", title="Password", status=status, error=error, must=session.must_change_password, least=SHORTEST
    )


def _change_password(call: Call) -> Response:
    new = text_of(call, "new")
    if new != text_of(call, "again"):
        return _password_page(call, UsageError("the new password was not written the same way twice"))
    try:
        token = call.request.cookies.get(SESSION_COOKIE, "")
        found = call.services.accounts.change_password(token, text_of(call, "old"), new, _address(call))
    except UsageError as error:
        return _password_page(call, error)
    if not isinstance(found, SignedIn):
        return _password_page(call, _refused(found, "the password is not the one that you have now"))
    return _begun(call, found, "/")


def own_path(wanted: str | None) -> str:
    """Return where to go on this server: what was wanted, or the front page when that leads elsewhere."""
    if not wanted or not wanted.startswith("/") or wanted.startswith(("//", "/\\")) or not wanted.isprintable():
        return "/"
    return wanted


def _address(call: Call) -> str:
    return call.request.client.host if call.request.client else ""


ENDPOINTS = (
    Endpoint("GET", "/login", Needs.NOTHING, _show, name="page_login", text="The form to sign in."),
    Endpoint("POST", "/login", Needs.NOTHING, _login, Takes.FORM, name="form_login", text="Sign in."),
    Endpoint("POST", "/logout", Needs.NOTHING, _logout, Takes.FORM, name="form_logout", text="Sign out."),
    Endpoint("GET", "/password", Needs.NOTHING, _show_password, name="page_password", text="The form to change one's password."),
    Endpoint("POST", "/password", Needs.NOTHING, _change_password, Takes.FORM, name="form_password", text="Change one's password."),
)
