"""What was done in a team, and by whom."""

from __future__ import annotations

from typing import Final

from starlette.responses import Response

from modelwatch.server.endpoint import Call, Endpoint, Needs
from modelwatch.server.pages.rendering import page

_PAGE: Final = 100


def _show(call: Call) -> Response:
    # Not by the entries' numbers, as the command line pages: they count what happens in all teams.
    text = call.query("skip") or ""
    skip = int(text[:9]) if text.isascii() and text.isdigit() else 0
    entries = call.services.accounts.audit_of(call.library.team, skip=skip, limit=_PAGE + 1)
    older = skip + _PAGE if len(entries) > _PAGE else None
    return page(call, "audit.html", title="Audit", section="audit", entries=entries[:_PAGE], skip=skip, older=older)


ENDPOINTS = (Endpoint("GET", "/{team}/audit", Needs.ADMIN, _show, name="page_audit", text="What was done in a team."),)
