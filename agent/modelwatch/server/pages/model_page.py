"""One model: its figures, its trainings, its curves, its versions."""

from __future__ import annotations

from starlette.responses import Response

from modelwatch.core.errors import ModelwatchError
from modelwatch.server.addresses import model_path
from modelwatch.server.api.answers import answer
from modelwatch.server.endpoint import Call, Endpoint, Needs
from modelwatch.server.errors import status_of
from modelwatch.server.pages import curves, figures
from modelwatch.server.pages.listing import Listing
from modelwatch.server.pages.rendering import changes_from_now, page
from modelwatch.server.pages.runs import shown_runs

_ORDER = "-number"


def _show(call: Call) -> Response:
    return model_page(call)


def model_page(call: Call, error: ModelwatchError | None = None) -> Response:
    """Return the page of the model that the address names, which also tells what went wrong with what was just tried."""
    events = changes_from_now(call)
    model = call.library.model(call.path("model"))
    listing = Listing.of(call, model_path(model.team, model.id), default_order=_ORDER)
    return page(
        call,
        "model.html",
        title=model.name,
        section="models" if call.library.sees_all else "public",
        status=200 if error is None else status_of(error)[0],
        model_id=model.id,
        events=events,
        error=error,
        model=model,
        listing=listing,
        page=call.library.versions(model.id, listing.versions()),
        figures_shown=figures.of_model(model),
        runs=shown_runs(call.library.runs(model.id), call.services.clock.now()),
        alias_names={alias.name for alias in model.aliases},
    )


def _curves(call: Call) -> Response:
    return answer(call, curves.of_model(call.library, call.library.model(call.path("model"))))


_MODEL = "/{team}/models/{model}"

ENDPOINTS = (
    Endpoint("GET", _MODEL, Needs.READ, _show, name="page_model", text="A model."),
    Endpoint("GET", _MODEL + "/curves", Needs.READ, _curves, name="page_model_curves", text="A model's curves, for its page."),
)
