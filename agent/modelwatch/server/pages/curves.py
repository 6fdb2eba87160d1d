"""
The curves of models and versions, as the pages' scripts draw them (`static/js/charts/curves.js` has the shape).

What agents reported of a run is drawn whole, with its versions marked on it. Versions of which no run was reported are a line
themselves: their own values, from version to version.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from modelwatch.core.entities import Metric, RunReport
from modelwatch.core.entities.run_report import Series
from modelwatch.core.json import JsonValue
from modelwatch.repository.index.answers import IndexedModel, IndexedVersion
from modelwatch.repository.index.queries import VersionQuery
from modelwatch.server.addresses import version_path
from modelwatch.server.library import TeamLibrary
from modelwatch.server.pages.words import short

RUNS_DRAWN: Final = 8
"""As many as there are colours."""

_VERSIONS_DRAWN: Final = 500
_POINTS_DRAWN: Final = 120_000


@dataclass(slots=True)
class _Group:
    """What has one colour: a run, or what is compared."""

    name: str
    report: RunReport | None
    versions: list[IndexedVersion] = field(default_factory=list)

    @property
    def axes(self) -> dict[tuple[str, str], str]:
        """What the steps of its curves count, by run and tag."""
        return {} if self.report is None else {(series.run, series.tag): series.axis for series in self.report.series}


def of_model(library: TeamLibrary, model: IndexedModel) -> JsonValue:
    """Return a model's curves: its latest runs, and its latest versions on them."""
    reports = {report.run: report for report in library.runs(model.id) if report.series}
    versions = library.versions(model.id, VersionQuery(sort="number", limit=_VERSIONS_DRAWN)).items
    groups = {run: _Group(short(run), report) for run, report in list(reports.items())[:RUNS_DRAWN]}
    for item in versions:
        run = item.version.registration.provenance.run
        if run not in groups and (run in reports or len(groups) >= RUNS_DRAWN):
            continue
        groups.setdefault(run or "", _Group(short(run) if run else "uploaded", None)).versions.append(item)
    return _json(groups.values(), marked={})


def colours_of(items: Sequence[IndexedVersion]) -> list[int]:
    """Return the number of the colour of each of some versions, as `of_versions` draws them: those of one run have one."""
    keys = [_run_key(item) for item in items]
    numbers = {key: number for number, key in enumerate(dict.fromkeys(keys))}
    return [numbers[key] for key in keys]


def _run_key(item: IndexedVersion) -> tuple[str, str]:
    return item.model_id, item.version.registration.provenance.run or f"uploaded {item.version.number}"


def of_versions(library: TeamLibrary, items: Sequence[IndexedVersion], *, others: bool) -> JsonValue:
    """
    Return the curves of the runs that some versions came from.

    Args:
        library: The team's.

        items: The versions; those of one run share its curves.

        others: Whether the other versions of those runs are marked as well.
    """
    groups: dict[tuple[str, str], _Group] = {}
    for item in items:
        run = item.version.registration.provenance.run
        key = _run_key(item)
        if key not in groups:
            reports = library.runs(item.model_id) if run else ()
            report = next((report for report in reports if report.run == run and report.series), None)
            groups[key] = _Group(f"{item.model} v{item.version.number}", report)
        else:
            groups[key].name += f", v{item.version.number}"
        groups[key].versions.append(item)
    asked = {(item.model_id, item.version.number): "this" for item in items} if others else {}
    if others:
        for (model_id, run), group in groups.items():
            known = {item.version.number for item in group.versions}
            listed = library.versions(model_id, VersionQuery(sort="number", limit=_VERSIONS_DRAWN)).items
            group.versions += [
                item for item in listed if item.version.registration.provenance.run == run and item.version.number not in known
            ]
    return _json(groups.values(), marked=asked)


def _json(groups: Iterable[_Group], marked: Mapping[tuple[str, int], str]) -> JsonValue:
    drawn = list(groups)
    lines: list[JsonValue] = []
    room = _POINTS_DRAWN
    left_out = 0
    for number, group in enumerate(drawn):
        for line in _lines(group):
            room -= len(line["steps"])
            if room < 0:
                left_out += 1
            else:
                lines.append({**line, "group": number})
    stepless = bool(drawn) and all(
        item.version.registration.step is None and group.report is None for group in drawn for item in group.versions
    )
    return {
        "unit": "version" if stepless else "step",
        "groups": [{"name": group.name} for group in drawn],
        "lines": lines,
        "left_out": left_out,
        "checkpoints": [
            _checkpoint(item, number, group.axes, marked) for number, group in enumerate(drawn) for item in group.versions
        ],
    }


def _lines(group: _Group) -> Iterable[JsonValue]:
    if group.report is None:
        return _lines_through(group.versions)
    names = [(series.key, series.split, series.axis) for series in group.report.series]
    return [_line_of(series, names.count((series.key, series.split, series.axis)) > 1) for series in group.report.series]


def _line_of(series: Series, ambiguous: bool) -> JsonValue:  # noqa: FBT001 - a private function's last word
    return {
        "key": series.key,
        "split": series.split,
        "label": series.tag if series.run in {"", "."} else f"{series.run}/{series.tag}" if ambiguous else "",
        "axis": series.axis,
        "steps": list(series.steps),
        "times": list(series.walls),
        "values": list(series.values),
    }


def _lines_through(versions: Sequence[IndexedVersion]) -> list[JsonValue]:
    points: dict[tuple[str, str], dict[int, tuple[float, float]]] = {}
    for item in sorted(versions, key=lambda item: item.version.number):
        for metric in item.version.registration.metrics:
            step = _place(metric, item)
            points.setdefault((metric.key, metric.split), {})[step] = (metric.timestamp, metric.value)
    return [
        {
            "key": key,
            "split": split,
            "label": "",
            "axis": "step",
            "steps": sorted(by_step),
            "times": [by_step[step][0] for step in sorted(by_step)],
            "values": [by_step[step][1] for step in sorted(by_step)],
        }
        for (key, split), by_step in points.items()
    ]


def _place(metric: Metric, item: IndexedVersion) -> int:
    """Return where on the axis a version's own value stands when its run's curve is not known."""
    return metric.step or item.version.registration.step or item.version.number


def _checkpoint(
    item: IndexedVersion, group: int, axes: Mapping[tuple[str, str], str], marked: Mapping[tuple[str, int], str]
) -> JsonValue:
    version = item.version
    registration = version.registration
    marks = ["best"] if item.best else []
    marks += ["latest"] if item.latest else []
    marks += [alias for alias in item.aliases if alias != "best"]
    this = marked.get((item.model_id, version.number))
    return {
        "group": group,
        "label": f"version {version.number}",
        "href": version_path(item.team, item.model_id, version.number),
        "step": registration.step,
        "time": registration.created,
        "marks": [this, *marks] if this else marks,
        "values": {
            f"{m.key}/{m.split}/{axes.get((m.run, m.tag), 'step')}": [
                m.value,
                m.step if (m.run, m.tag) in axes else _place(m, item),  # on its own curve; 0 is a step, or an epoch
                m.timestamp,
            ]
            for m in registration.metrics
        },
    }
