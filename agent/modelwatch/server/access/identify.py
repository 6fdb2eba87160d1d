"""Who sent a request: by API key, by session cookie, or, on a server that only this machine reaches and that has no accounts, its user."""

from __future__ import annotations

import hmac
import math
from dataclasses import dataclass

from starlette.datastructures import FormData
from starlette.requests import Request

from modelwatch.server.access.guard import SAFE_METHODS
from modelwatch.server.access.hosts import host_name, is_loopback
from modelwatch.server.accounts.principal import ANONYMOUS, Principal
from modelwatch.server.accounts.throttle import Refused
from modelwatch.server.endpoint import path_parameter
from modelwatch.server.errors import RefusedError
from modelwatch.server.services import Services

SESSION_COOKIE = "modelwatch_session"
TOKEN_HEADER = "X-CSRF-Token"  # noqa: S105 - a header's name
TOKEN_FIELD = "csrf_token"  # noqa: S105 - a field's name


@dataclass(frozen=True, slots=True)
class Identity:
    """
    Who asks.

    Attributes:
        principal: Who.
        token: The session's CSRF token, which what changes something must carry; None where no cookie identified them.
    """

    principal: Principal
    token: str | None = None

    def require_token(self, request: Request, form: FormData | None = None) -> None:
        """
        Check that a request that changes something was made by our own page, when a cookie alone says who asks.

        Raises:
            RefusedError: The token is missing or wrong.
        """
        if self.token is None or request.method in SAFE_METHODS:
            return
        given = request.headers.get(TOKEN_HEADER) or (form.get(TOKEN_FIELD) if form is not None else None)
        if not isinstance(given, str) or not hmac.compare_digest(given.encode(), self.token.encode()):
            raise RefusedError("the form is too old", status=403, code="csrf", hint="load the page again and repeat it")


def identify(request: Request, services: Services) -> Identity:
    """
    Return who sent a request.

    A key that is wrong is an error, whatever else the request carries. An empty ``X-API-Key``, which Gradient's client sends when it
    has none, is no key.

    Raises:
        RefusedError: 401 for a wrong key, 429 after too many of them.
    """
    if services.is_open() and _is_from_here(request):
        # Whatever key a client has from elsewhere: there are none here.
        return Identity(services.local_principal(path_parameter(request, "team")))
    key = key_of(request)
    address = request.client.host if request.client else ""
    if key:
        return Identity(_of_key(services, key, address))
    cookie = request.cookies.get(SESSION_COOKIE)
    if cookie:
        session = services.accounts.session(cookie)
        if session is not None:
            return Identity(session.principal, session.csrf_token)
    return Identity(ANONYMOUS)


def _is_from_here(request: Request) -> bool:
    """
    Return whether a request was sent on this machine, to this machine.

    A proxy tells for whom it asks (``X-Forwarded-For``), or which host they asked for.
    """
    name = host_name(request.headers.get("host", ""))
    return name is not None and is_loopback(name) and (request.client is None or is_loopback(request.client.host))


def _of_key(services: Services, key: str, address: str) -> Principal:
    found = services.accounts.principal_of_key(key, address)
    if isinstance(found, Refused):
        raise refused(found)
    if found is None:
        raise RefusedError("no such API key", status=401, code="unauthenticated", hint="it may have expired, or been revoked")
    return found


def refused(found: Refused) -> RefusedError:
    """Return the answer to somebody who has guessed too often."""
    seconds = max(1, math.ceil(found.retry_after_seconds))
    return RefusedError(
        "too many wrong attempts", status=429, code="too_many", hint=f"wait {seconds} s", headers={"Retry-After": str(seconds)}
    )


def key_of(request: Request) -> str:
    """Return the API key that a request carries, or an empty text."""
    scheme, _, credentials = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and credentials.strip():
        return credentials.strip()
    return request.headers.get("x-api-key", "").strip()
