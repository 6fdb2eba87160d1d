"""The lists of models: a team's, and what all teams have published."""

from __future__ import annotations

from dataclasses import replace

from starlette.responses import RedirectResponse, Response

from modelwatch.core.entities import ModelType
from modelwatch.core.errors import UsageError
from modelwatch.server.accounts.principal import PrincipalKind
from modelwatch.server.endpoint import Call, Endpoint, Needs
from modelwatch.server.pages.listing import Listing
from modelwatch.server.pages.members_page import members_only
from modelwatch.server.pages.rendering import changes_from_now, models_path, page
from modelwatch.server.pages.runs import awaited_runs

_TAGS = 24
_METRICS = 40
_ORDER = "-modified"


def _root(call: Call) -> Response:
    """Lead to the models of the one team there is, or the first by name; who is unknown sees what is public."""
    principal = call.principal
    team = principal.home_team or next(iter(sorted(principal.roles)), None)
    if team is None:
        one_time = principal.kind is PrincipalKind.USER
        return RedirectResponse("/password" if one_time else "/public/models", 303)
    return RedirectResponse(models_path(team), 303)


def _team(call: Call) -> Response:
    members_only(call)
    return RedirectResponse(models_path(call.library.team), 303)


def _models(call: Call) -> Response:
    members_only(call)
    events = changes_from_now(call)
    listing = Listing.of(call, models_path(call.library.team), default_order=_ORDER)
    listing = replace(listing, metrics=tuple(call.library.metric_names()[:_METRICS]))
    error = None
    try:
        found = call.library.models(listing.models())
    except UsageError as wrong:  # a type, an order or a cursor that is none: an old or a mistyped address
        error, listing = wrong, Listing(path=listing.path, order=_ORDER, default_order=_ORDER)
        found = call.library.models(listing.models())
    return page(
        call,
        "models.html",
        title=f"Models of {call.library.team}",
        section="models",
        status=200 if error is None else 400,
        events=events,
        error=error,
        listing=listing,
        page=found,
        counts=call.library.counts(),
        runs=[] if listing.is_filtered or listing.cursor else awaited_runs(call),
        tag_uses=call.library.tags(_TAGS),
        types=list(ModelType),
    )


def _public(call: Call) -> Response:
    listing = Listing.of(call, "/public/models", default_order=_ORDER, is_public=True)
    return page(
        call,
        "models.html",
        title="Public models",
        section="public",
        listing=listing,
        page=call.services.public_models(listing.models()),
        counts=None,
        runs=[],
        tag_uses=[],
        types=list(ModelType),
    )


ENDPOINTS = (
    Endpoint("GET", "/", Needs.NOTHING, _root, name="page_root", text="Leads to the models of one's team."),
    Endpoint("GET", "/public/models", Needs.NOTHING, _public, name="page_public", text="What teams have published."),
    Endpoint("GET", "/{team}", Needs.READ, _team, name="page_team", text="Leads to the team's models."),
    Endpoint("GET", "/{team}/models", Needs.READ, _models, name="page_models", text="A team's models."),
)
