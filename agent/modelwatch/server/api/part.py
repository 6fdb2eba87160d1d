"""The HTTP API as a part of the server."""

from __future__ import annotations

from starlette.responses import Response

from modelwatch.server.api import about, content, experiments, live, models, registrations, uploads, versions
from modelwatch.server.api.answers import answer, tell
from modelwatch.server.api.openapi import openapi
from modelwatch.server.app import Part
from modelwatch.server.endpoint import Call, Endpoint, Needs

_DOCUMENTED = (
    *about.ENDPOINTS,
    *models.ENDPOINTS,
    *versions.ENDPOINTS,
    *content.ENDPOINTS,
    *experiments.ENDPOINTS,
    *uploads.ENDPOINTS,
    *registrations.ENDPOINTS,
    *live.ENDPOINTS,
)


def _openapi(call: Call) -> Response:
    return answer(call, openapi(_DOCUMENTED))


API = Part(
    name="api",
    endpoints=(
        *_DOCUMENTED,
        Endpoint("GET", "/api/v1/openapi.json", Needs.NOTHING, _openapi, name="openapi", text="This document."),
    ),
    tell=tell,
    prefix="/api/",
)
