"""What the server says of itself: who asks, how the API looks, whether it is well."""

from __future__ import annotations

from starlette.responses import PlainTextResponse, Response

from modelwatch import __version__
from modelwatch.core import log
from modelwatch.core.errors import ModelwatchError
from modelwatch.core.prometheus import CONTENT_TYPE, family, process_families
from modelwatch.server.accounts.principal import DEFAULT_TEAM
from modelwatch.server.api.answers import answer
from modelwatch.server.api.schemas import TEXT, listed, nullable, obj
from modelwatch.server.endpoint import Call, Endpoint, Needs


def _about(call: Call) -> Response:
    principal = call.principal
    teams = [{"team": team, "role": role.value} for team, role in sorted(principal.roles.items())]
    who = {"name": principal.name, "kind": principal.kind.value, "home_team": principal.home_team, "teams": teams}
    return answer(call, {"server": "modelwatch", "version": __version__, "api": 1, "who": who})


def _alive(call: Call) -> Response:
    del call
    return PlainTextResponse("ok\n")


def _ready(call: Call) -> Response:
    """Ready is a server that can read its repository and its index."""
    stores = call.services.stores
    try:
        with stores.repository.changing():
            pass
        stores.index.counts(DEFAULT_TEAM)
    except ModelwatchError as error:
        log.warning("not ready", why=error.message)  # whoever asks need not know where the repository is
        return PlainTextResponse("not ready: the repository cannot be read\n", 503)
    return PlainTextResponse("ready\n")


def _figures(call: Call) -> Response:
    """Tell how the server does: of all teams together, with no name of any."""
    totals = call.services.stores.index.totals()
    families = [
        family("modelwatch_build_info", "gauge", "The running version, as a label.", [({"version": __version__}, 1)]),
        family("modelwatch_models", "gauge", "Models.", [({}, totals.models)]),
        family("modelwatch_versions", "gauge", "Versions that are not deleted.", [({}, totals.versions)]),
        family(
            "modelwatch_versions_size_bytes", "gauge", "Size of their files, shared ones counted each time.", [({}, totals.size)]
        ),
        *call.services.meter.families(),
        *process_families(),
    ]
    return Response("".join(families), media_type=CONTENT_TYPE)


_WHO = obj({"name": TEXT, "kind": TEXT, "home_team": nullable(TEXT), "teams": listed(obj({"team": TEXT, "role": TEXT}))})

ENDPOINTS = (
    Endpoint(
        "GET",
        "/api/v1",
        Needs.NOTHING,
        _about,
        name="about",
        text="The server's version, and who asks.",
        answers={200: obj({"server": TEXT, "version": TEXT, "api": {"const": 1}, "who": _WHO})},
        documented=True,
    ),
    Endpoint("GET", "/healthz", Needs.NOTHING, _alive, name="alive", text="Whether the server answers."),
    Endpoint("GET", "/readyz", Needs.NOTHING, _ready, name="ready", text="Whether the server can read its repository."),
    Endpoint("GET", "/metrics", Needs.OPERATOR, _figures, name="figures", text="How the server does, for Prometheus."),
)
