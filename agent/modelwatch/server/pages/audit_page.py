"""What was done in a team, and by whom."""

from __future__ import annotations

from typing import Final

from starlette.responses import Response

from modelwatch.server.endpoint import Call, Endpoint, Needs
from modelwatch.server.pages.rendering import page

_PAGE: Final = 100


def _show(call: Call) -> Response:
    text = call.query("before") or ""
    before = int(text[:18]) if text.isascii() and text.isdigit() else None
    entries = call.services.accounts.audited(team=call.library.team, before=before, limit=_PAGE + 1)
    shown = entries[:_PAGE]
    older = shown[-1].id if len(entries) > _PAGE else None
    return page(call, "audit.html", title="Audit", section="audit", entries=shown, before=before, older=older)


ENDPOINTS = (Endpoint("GET", "/{team}/audit", Needs.ADMIN, _show, name="page_audit", text="What was done in a team."),)
