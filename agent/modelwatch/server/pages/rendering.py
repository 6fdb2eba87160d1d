"""From a handler's values to a page: the templates, and the frame that is around each of them."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, urlencode

from jinja2 import Environment, PackageLoader, StrictUndefined
from jinja2.ext import Extension
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from modelwatch import __version__
from modelwatch.core.errors import ModelwatchError
from modelwatch.core.sizes import size_in_words
from modelwatch.server.access.identify import SESSION_COOKIE
from modelwatch.server.accounts.principal import DEFAULT_TEAM, Principal, PrincipalKind, Role
from modelwatch.server.accounts.secret_texts import csrf_token
from modelwatch.server.addresses import base_url, model_path, version_path
from modelwatch.server.endpoint import Call
from modelwatch.server.pages import figures, static_files, words
from modelwatch.server.services import Services

_THEMES: Final = frozenset({"light", "dark"})
_TOAST: Final = "toast"
_TOAST_SECONDS: Final = 120.0


@dataclass(frozen=True, slots=True)
class Link:
    """
    An entry of the bar at the top.

    Attributes:
        section: The `section` of the pages that it leads to.
        text: What it is called.
        href: Where it leads.
        icon: Its icon's name.
    """

    section: str
    text: str
    href: str
    icon: str


@dataclass(frozen=True, slots=True)
class Toast:
    """
    What was done, told once after it.

    Attributes:
        text: For people.
        undo: Where to post to undo it, or None.
    """

    text: str
    undo: str | None = None


@dataclass(frozen=True, slots=True)
class Start:
    """
    What commands say to reach this server, ready to be copied.

    Attributes:
        url: The server's address.
        repository: The value of ``--repository``.
        team: The option that names the team, with a space before it; empty for the default team.
        needs_key: Whether the server asks for an API key.
        curl_key: The option that gives the key to curl, with a space before it; empty when none is needed.
    """

    url: str
    repository: str
    team: str
    needs_key: bool
    curl_key: str


@dataclass(frozen=True, slots=True)
class Frame:
    """
    What stands around every page.

    Attributes:
        principal: Who looks.
        team: The team that the page is about, None for none or for one whose members they are not.
        model_id: The model that the page is about, None for none.
        theme: ``light`` or ``dark`` as the reader chose, None to follow the system.
        csrf_token: For the forms; empty where no session is.
        events: Where the page listens for changes, None where it does not.
    """

    principal: Principal
    team: str | None
    model_id: str | None
    theme: str | None
    csrf_token: str
    events: str | None

    @property
    def sees_all(self) -> bool:
        """Whether they are a member of the team."""
        return self.team is not None

    @property
    def may_write(self) -> bool:
        """Whether they may change the team's models."""
        return self.team is not None and self.principal.may(self.team, Role.WRITER)

    @property
    def may_admin(self) -> bool:
        """Whether they may change the team."""
        return self.team is not None and self.principal.may(self.team, Role.ADMIN)

    @property
    def is_user(self) -> bool:
        """Whether they signed in."""
        return self.principal.kind is PrincipalKind.USER

    @property
    def teams(self) -> tuple[str, ...]:
        """The teams that they can switch to, by name."""
        return tuple(sorted(self.principal.roles))

    @property
    def home(self) -> str | None:
        """The team whose pages the bar leads to: the page's, or the first of theirs, or None."""
        return self.team or next(iter(self.teams), None)

    @property
    def who(self) -> str:
        """How they are called."""
        return self.principal.name or "this machine"

    @property
    def explanation(self) -> str:
        """Who they are, in a sentence."""
        if self.principal.kind is PrincipalKind.LOCAL:
            return "This server has no accounts: who reaches it on this machine may do everything."
        role = self.principal.role_in(self.team) if self.team else None
        return f"Signed in as {self.principal.name}" + (f", {role.value} of {self.team}" if role else "")

    @property
    def links(self) -> tuple[Link, ...]:
        """The entries of the bar."""
        home = self.home
        if home is None:
            return (Link("public", "Public models", "/public/models", "globe"),)
        links = [Link("models", "Models", models_path(home), "models")]
        if self.principal.may(home, Role.WRITER):
            links.append(Link("upload", "Upload", team_path(home, "upload"), "upload"))
        links.append(Link("keys", "Keys", team_path(home, "keys"), "key"))
        links.append(Link("members", "Members", team_path(home, "members"), "people"))
        if self.principal.may(home, Role.ADMIN):
            links.append(Link("audit", "Audit", team_path(home, "audit"), "audit"))
        return tuple(links)


# --------------------------------------------------------------------------------------------------------------- addresses


def team_path(team: str, page: str) -> str:
    """Return the path of one of a team's pages."""
    return f"/{quote(team, safe='')}/{page}"


def models_path(team: str) -> str:
    """Return the path of a team's models."""
    return team_path(team, "models")


def files_path(team: str, model_id: str, number: int) -> str:
    """Return the path below which a version's files and archive are."""
    return f"/api/v1/teams/{quote(team, safe='')}/models/{model_id}/versions/{number}"


def file_path(path: str) -> str:
    """Return a file's path in an address; bytes that are no UTF-8 are the same bytes there."""
    return quote(os.fsencode(path))


# --------------------------------------------------------------------------------------------------------------- templates


class _WithoutIndentation(Extension):
    """Takes the indentation out of the templates themselves, a sixth of a long page; what is put into them keeps its own."""

    def preprocess(self, source: str, name: str | None, filename: str | None = None) -> str:
        """Return a template without the blanks at the start of its lines."""
        del name, filename
        return re.sub(r"^[ \t]+", "", source, flags=re.MULTILINE)


def _environment() -> Environment:
    environment = Environment(
        extensions=[_WithoutIndentation],
        loader=PackageLoader("modelwatch.server"),
        autoescape=True,  # everything: no template decides by its name
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.filters.update(
        ago=words.ago,
        breaks=words.breaks,
        count=words.count,
        date=words.date,
        json=words.pretty,
        path=file_path,
        sentence=words.sentence,
        shell=words.shell,
        short=words.short,
        size=size_in_words,
        value=words.value,
    )
    environment.globals.update(
        files_path=files_path,
        headline=figures.headline_of,
        metric_of=figures.metric_of,
        model_path=model_path,
        models_path=models_path,
        release=__version__,
        static=static_files.PREFIX,
        team_path=team_path,
        version_path=version_path,
    )
    return environment


_TEMPLATES = _environment()


def start_of(call: Call, team: str | None) -> Start:
    """Return how commands reach this server, for a team."""
    url = base_url(call.request, call.services)
    needs_key = call.principal.kind is not PrincipalKind.LOCAL
    option = "" if team in {None, DEFAULT_TEAM} else f" --team {words.shell(team)}"
    return Start(url, words.shell(url), option, needs_key, ' -H "X-API-Key: $MODELWATCH_API_KEY"' if needs_key else "")


def changes_from_now(call: Call) -> str:
    """Return where a page hears of what changes in the team from now on. Call it before anything is read that the page shows."""
    moment = call.services.moments.sealed(call.library.generation())
    return f"/api/v1/teams/{quote(call.library.team, safe='')}/events?since={moment}"


def frame_of(
    request: Request, principal: Principal, team: str | None, *, model_id: str | None = None, events: str | None = None
) -> Frame:
    """Return the frame of a page for one who looks at it."""
    own = team if team is not None and principal.may(team, Role.VIEWER) else None
    cookie = request.cookies.get(SESSION_COOKIE)
    theme = request.cookies.get("theme")
    return Frame(
        principal=principal,
        team=own,
        model_id=model_id,
        theme=theme if theme in _THEMES else None,
        csrf_token=csrf_token(cookie) if cookie and principal.kind is PrincipalKind.USER else "",
        events=events,
    )


def page(  # noqa: PLR0913 - what every page has, by keyword
    call: Call,
    template: str,
    *,
    title: str,
    section: str = "",
    status: int = 200,
    model_id: str | None = None,
    events: str | None = None,
    error: ModelwatchError | None = None,
    **values: object,
) -> Response:
    """
    Return a page.

    Args:
        call: The request.

        template: The template's name.

        title: What the window is called.

        section: Which entry of the bar it belongs to.

        status: HTTP's.

        model_id: The model that it is about.

        events: As `changes_from_now`, when it shows what changes.

        error: What went wrong with what was just tried, told on the page.

        values: What the template shows.
    """
    team = None if call.scope is None else call.scope.team
    frame = frame_of(call.request, call.principal, team, model_id=model_id, events=events)
    html = _TEMPLATES.get_template(template).render(
        frame=frame,
        title=title,
        section=section,
        error=error,
        toast=_toast(call.request, call.services),
        start=start_of(call, team),
        **values,
    )
    return _response(html, status)


def error_page(request: Request, principal: Principal, status: int, **values: object) -> Response:
    """Return a page about no team, for when there is no call: an error."""
    frame = frame_of(request, principal, None)
    html = _TEMPLATES.get_template("error.html").render(frame=frame, section="", toast=None, status=status, **values)
    return _response(html, status)


def _response(html: str, status: int) -> Response:
    # Names of files may hold lone surrogates, which no page can hold.
    return HTMLResponse(html.encode("utf-8", "replace"), status, {"Cache-Control": "no-store"})


# ------------------------------------------------------------------------------------------------------------- redirections


def redirect(call: Call, path: str, *, toast: Toast | None = None, anchor: str = "") -> Response:
    """
    Return the answer to a form: go there.

    Args:
        call: The request.

        path: Where to, on this server.

        toast: What to tell there. It goes along signed, so that no link can make the page say something.

        anchor: Which part of it.
    """
    if toast is not None:
        token = call.services.links.token(_TOAST, {"text": toast.text, "undo": toast.undo}, _TOAST_SECONDS)
        path += ("&" if "?" in path else "?") + urlencode({_TOAST: token})
    return RedirectResponse(f"{path}#{anchor}" if anchor else path, 303)


def _toast(request: Request, services: Services) -> Toast | None:
    token = request.query_params.get(_TOAST)
    if token is None:
        return None
    try:
        fields = services.links.read(_TOAST, token).fields
    except ModelwatchError:
        return None  # expired: it was told before
    return Toast(fields["text"], fields["undo"])
