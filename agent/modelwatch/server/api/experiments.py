"""Experiments, as the versions that came from them tell."""

from __future__ import annotations

from starlette.responses import Response

from modelwatch.repository.index.json_shapes import indexed_experiment_json
from modelwatch.server.api.answers import answer
from modelwatch.server.api.schemas import ANYTHING, BYTES, TEXT, listed, obj
from modelwatch.server.endpoint import Call, Endpoint, Needs

_EXPERIMENTS = "/api/v1/teams/{team}/experiments"
_EXPERIMENT_JSON = obj({"id": TEXT, "team": TEXT, "size": BYTES, "versions": ANYTHING}, {"runs": listed(TEXT)})
_PAIRS = listed(obj({"model": TEXT, "version": {"type": "integer"}}))


def _list(call: Call) -> Response:
    team, found = call.library.team, [call.library.experiment(each.id) for each in call.library.experiments()]
    return answer(call, {"experiments": [indexed_experiment_json(team, each, versions) for each, versions in found]})


def _show(call: Call) -> Response:
    found, versions = call.library.experiment(call.path("experiment"))
    return answer(call, indexed_experiment_json(call.library.team, found, versions))


def _delete(call: Call) -> Response:
    deleted, kept = call.library.delete_experiment(call.path("experiment"))
    pairs = [[{"model": model, "version": number} for model, number in found] for found in (deleted, kept)]
    return answer(call, {"experiment": call.path("experiment"), "deleted": pairs[0], "kept": pairs[1], "freed": 0})


ENDPOINTS = (
    Endpoint(
        "GET",
        _EXPERIMENTS,
        Needs.READ,
        _list,
        name="list_experiments",
        text="Every experiment that a version came from, the latest first.",
        answers={200: obj({"experiments": listed(_EXPERIMENT_JSON)})},
        documented=True,
    ),
    Endpoint(
        "GET",
        _EXPERIMENTS + "/{experiment}",
        Needs.READ,
        _show,
        name="show_experiment",
        text="One experiment.",
        answers={200: _EXPERIMENT_JSON},
        documented=True,
    ),
    Endpoint(
        "DELETE",
        _EXPERIMENTS + "/{experiment}",
        Needs.WRITE,
        _delete,
        name="delete_experiment",
        text="Delete the versions that live with an experiment; the permanent ones stay. They can be restored for a week.",
        answers={200: obj({"experiment": TEXT, "deleted": _PAIRS, "kept": _PAIRS, "freed": BYTES})},
        documented=True,
    ),
)
