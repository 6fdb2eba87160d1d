"""Versions side by side, of one model or of several."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

from starlette.responses import Response

from modelwatch.core.entities import Metric
from modelwatch.core.errors import NotFoundError, UsageError
from modelwatch.repository.index.answers import IndexedVersion
from modelwatch.repository.index.queries import ModelQuery
from modelwatch.repository.metric_names import by_name
from modelwatch.server.api.answers import answer
from modelwatch.server.endpoint import Call, Endpoint, Needs
from modelwatch.server.pages import curves, facts, figures, words
from modelwatch.server.pages.better import more_is_better
from modelwatch.server.pages.members_page import members_only
from modelwatch.server.pages.rendering import changes_from_now, page, team_path

_MOST: Final = 8
"""As many as there are colours."""


@dataclass(frozen=True, slots=True)
class Cell:
    """
    One version's value of a metric.

    Attributes:
        text: As it is shown.
        is_best: Whether no other is better.
    """

    text: str
    is_best: bool


@dataclass(frozen=True, slots=True)
class MetricRow:
    """
    A metric of all versions.

    Attributes:
        name: As `metric_name` gives it.
        order: Which is better, in words; empty where the name does not tell.
        cells: One for each version.
    """

    name: str
    order: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class FactRow:
    """
    Something that is known of the versions.

    Attributes:
        name: What.
        cells: One for each version, None where it is not known.
        differs: Whether they are not all the same.
    """

    name: str
    cells: tuple[str | None, ...]
    differs: bool


def metric_rows(versions: Sequence[IndexedVersion]) -> list[MetricRow]:
    """Return the metrics of some versions, those that most of them have first; the best value of each is marked."""
    found = [by_name(figures.metrics_of(item.version)) for item in versions]
    names = list(dict.fromkeys(name for metrics in found for name in metrics))
    names.sort(key=lambda name: -sum(name in metrics for metrics in found))
    return [_metric_row(name, [metrics.get(name) for metrics in found]) for name in names]


def _metric_row(name: str, metrics: Sequence[Metric | None]) -> MetricRow:
    more = more_is_better(next(metric.key for metric in metrics if metric is not None))
    finite = [metric.value for metric in metrics if metric is not None and math.isfinite(metric.value)]
    best = None if more is None or len(set(finite)) < 2 else (max if more else min)(finite)
    cells = tuple(Cell("–" if m is None else words.value(m.value), m is not None and m.value == best) for m in metrics)
    return MetricRow(name, "" if more is None else "↑" if more else "↓", cells)


def fact_rows(versions: Sequence[IndexedVersion]) -> list[FactRow]:
    """Return what is known of some versions, with what they differ in marked."""
    known = [facts.comparable(item.version) for item in versions]
    names = dict.fromkeys(name for found in known for name in found)
    rows = []
    for name in names:
        cells = tuple(found.get(name) for found in known)
        rows.append(FactRow(name, cells, differs=len(set(cells)) > 1))
    return rows


def _asked(call: Call) -> list[IndexedVersion]:
    """Return the versions that the address names as ``model:version``, each once; those that are gone are left out."""
    items: dict[tuple[str, int], IndexedVersion] = {}
    for text in call.queries("v"):
        model, _, number = text.rpartition(":")
        try:
            item = call.library.version(model or number, number if model else "latest")
        except NotFoundError:
            continue
        items.setdefault((item.model_id, item.version.number), item)
    if not items:
        members_only(call)
    if len(items) > _MOST:
        raise UsageError(f"{len(items)} versions cannot be compared at once", hint=f"choose at most {_MOST}")
    return list(items.values())


def _question(items: Sequence[IndexedVersion]) -> str:
    return urlencode([("v", f"{item.model_id}:{item.version.number}") for item in items])


def _show(call: Call) -> Response:
    events = changes_from_now(call)
    items = _asked(call)
    rows = fact_rows(items)
    path = team_path(call.library.team, "compare")
    chosen = {item.model_id for item in items}
    others = call.library.models(ModelQuery(sort="modified", limit=100)).items if len(items) < _MOST else ()
    return page(
        call,
        "compare.html",
        title="Compare",
        section="models",
        events=events,
        columns=items,
        colours=curves.colours_of(items),
        metrics=metric_rows(items),
        facts=rows,
        differing=sum(row.differs for row in rows),
        differences=call.query("differences") is not None,
        without=[f"{path}?{_question([other for other in items if other is not item])}" for item in items],
        others=[model for model in others if model.latest is not None and model.id not in chosen],
        curves_path=f"{path}/curves?{_question(items)}",
    )


def _curves(call: Call) -> Response:
    return answer(call, curves.of_versions(call.library, _asked(call), others=False))


ENDPOINTS = (
    Endpoint("GET", "/{team}/compare", Needs.READ, _show, name="page_compare", text="Versions side by side."),
    Endpoint("GET", "/{team}/compare/curves", Needs.READ, _curves, name="page_compare_curves", text="Their curves, for the page."),
)
