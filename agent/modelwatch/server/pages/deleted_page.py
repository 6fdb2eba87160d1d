"""What was deleted in a team and can be restored."""

from __future__ import annotations

from starlette.responses import Response

from modelwatch.server.endpoint import Call, Endpoint, Needs
from modelwatch.server.library import KEPT_SECONDS
from modelwatch.server.pages.rendering import page

_DAY_SECONDS = 86_400


def _show(call: Call) -> Response:
    return page(
        call,
        "deleted.html",
        title="Deleted",
        section="models",
        entries=call.library.deleted(call.services.clock.now()),
        kept_days=round(KEPT_SECONDS / _DAY_SECONDS),
    )


ENDPOINTS = (Endpoint("GET", "/{team}/deleted", Needs.WRITE, _show, name="page_deleted", text="What can be restored."),)
