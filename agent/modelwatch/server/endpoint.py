"""
What every route of the server declares: its method and path, who may call it, what it takes, and the function that answers.

`modelwatch.server.app` makes Starlette's routes of endpoints and the OpenAPI document is written from them. A route that declares no
`Needs` cannot be written, and the tests walk the table of endpoints, so that a new route without a tested rule fails.
"""

from __future__ import annotations

import enum
import inspect
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from modelwatch.core.errors import NotFoundError
from modelwatch.core.json import JsonValue
from modelwatch.server.accounts.principal import Principal
from modelwatch.server.library import TeamLibrary
from modelwatch.server.services import Services


class Needs(enum.Enum):
    """
    Who may call an endpoint.

    For READ, WRITE and ADMIN the team is the path's ``{team}``, or the one that the principal's key is for where the path names none.
    """

    NOTHING = "nothing"
    """Anyone: what it answers says nothing of any team."""
    LINK = "link"
    """Anyone who has the signed link that the path or query carries; the handler checks it."""
    PRINCIPAL = "principal"
    """Anyone who is known."""
    READ = "read"
    """Viewers of the team; everybody else sees its published models only."""
    WRITE = "write"
    """Writers of the team."""
    ADMIN = "admin"
    """Admins of the team."""
    OPERATOR = "operator"
    """Those who run the server, and programs of theirs: its admins, keys that admins own, and everybody on a server without accounts."""


class Takes(enum.Enum):
    """What an endpoint's requests carry."""

    NOTHING = "nothing"
    JSON = "json"
    """A JSON value, checked against `Endpoint.body`; held in memory, so limited."""
    FORM = "form"
    """A form, with files in temporary files; the CSRF token is checked when a session asks."""
    STREAM = "stream"
    """Anything of any length: the handler is a coroutine function and reads it itself."""


def path_parameter(request: Request, name: str) -> str | None:
    """Return a parameter of a request's path as `Call.path` does, or None when its route has none of this name."""
    part = request.path_params.get(name)
    return None if part is None else unquote(str(part), errors="surrogateescape")


@dataclass(frozen=True, slots=True)
class Call:
    """
    One request, with who asks and what they may see.

    Attributes:
        request: Starlette's.
        services: The server's parts.
        principal: Who asks.
        scope: The library of the team that the endpoint is about, or None when it is about none.
        body: The JSON value, None without one.
        form: The form, None without one.
    """

    request: Request
    services: Services
    principal: Principal
    scope: TeamLibrary | None = None
    body: JsonValue = None
    form: FormData | None = None

    @property
    def library(self) -> TeamLibrary:
        """The library of the team. Raise NotFoundError when the endpoint is about no team."""
        if self.scope is None:
            raise NotFoundError("the request names no team")
        return self.scope

    def path(self, name: str) -> str:
        """Return a parameter of the path; bytes that are not UTF-8 are surrogate escapes (PEP 383)."""
        return path_parameter(self.request, name) or ""

    def record(self, what: str, subject: str, detail: str = "") -> None:
        """Write down what was done, where the team's admins can read it."""
        address = self.request.client.host if self.request.client else ""
        team = "" if self.scope is None else self.scope.team
        self.services.accounts.audit(self.principal, what, team=team, subject=subject, detail=detail, address=address)

    def query(self, name: str) -> str | None:
        """Return a parameter of the query, the first of several, or None."""
        return next(iter(self.request.query_params.getlist(name)), None)

    def queries(self, name: str) -> tuple[str, ...]:
        """Return every value of a parameter of the query."""
        return tuple(self.request.query_params.getlist(name))


Handler = Callable[[Call], Response] | Callable[[Call], Awaitable[Response]]
"""Answers a call. A plain function runs in a thread, because it may read and write the disk; a coroutine function must not."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """
    One parameter of a query, for the OpenAPI document.

    Attributes:
        name: As the query writes it.
        text: What it means.
        schema: JSON Schema of its value.
    """

    name: str
    text: str
    schema: Mapping[str, JsonValue] = field(default_factory=lambda: {"type": "string"})


@dataclass(frozen=True, slots=True)
class Endpoint:
    """
    One route.

    Attributes:
        method: ``GET`` (which answers HEAD too), ``POST``, ``PUT``, ``PATCH``, ``DELETE`` or ``HEAD``.
        path: Starlette's template.
        needs: Who may call it.
        handle: Answers.
        takes: What requests carry.
        name: Unique; the operation's id in the OpenAPI document.
        text: One sentence for people.
        body: JSON Schema of the body, when it takes JSON.
        answers: Status → JSON Schema of the answer; None where it is no JSON.
        parameters: Of the query.
        limit_bytes: The longest body that is read into memory or, for a form, into temporary files.
        documented: Whether the OpenAPI document has it.
    """

    method: str
    path: str
    needs: Needs
    handle: Handler
    takes: Takes = Takes.NOTHING
    name: str = ""
    text: str = ""
    body: JsonValue = None
    answers: Mapping[int, JsonValue] = field(default_factory=dict)
    parameters: tuple[Parameter, ...] = ()
    documented: bool = False
    limit_bytes: int = 1 << 20

    def __post_init__(self) -> None:
        """Refuse a plain function for a stream: it would read a socket in a thread. Raise ValueError."""
        if self.takes is Takes.STREAM and not inspect.iscoroutinefunction(self.handle):
            raise ValueError(f"{self.method} {self.path}: only a coroutine function can read a stream")
