"""Run reports as values and as text."""

from __future__ import annotations

from array import array
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelwatch.core.entities import CheckpointState, RunReport, RunState, Series
from modelwatch.core.entities.run_report import CHECKPOINTS_LIMIT, POINTS_LIMIT, SERIES_LIMIT
from modelwatch.core.json import dumps, loads
from modelwatch.testing.sink_contract import make_report

names = st.text(st.characters(), max_size=8)
times = st.floats(allow_nan=False, allow_infinity=False)
whole = st.none() | st.integers(-(2**63), 2**63 - 1)


@st.composite
def curves(draw):
    """A curve of a few points."""
    steps = sorted(draw(st.sets(st.integers(-(2**63), 2**63 - 1), max_size=5)))
    walls, values = (draw(st.lists(kind, min_size=len(steps), max_size=len(steps))) for kind in (times, st.floats()))
    return Series(*draw(st.tuples(*[names] * 5)), array("q", steps), array("d", walls), array("d", values))


checkpoints = st.builds(
    CheckpointState, names, names, names, names, times, times, whole, whole, registration=st.none() | names, version=whole
)
reports = st.builds(
    RunReport,
    team=names,
    model=names,
    run=names.filter(bool),
    state=st.sampled_from(RunState),
    started=times,
    updated=times,
    reason=names,
    host=st.none() | names,
    experiment=st.none() | names,
    project=st.none() | names,
    command=st.none() | names,
    hyperparameters=st.dictionaries(names, names, max_size=3),
    series=st.lists(curves(), max_size=3).map(tuple),
    checkpoints=st.lists(checkpoints, max_size=3).map(tuple),
)


@given(reports, st.dictionaries(st.sampled_from(["a", "series_beside", "after", "zzz"]), st.integers()))
def test_the_pieces_are_the_canonical_text(report, beside):
    """Written piece by piece, a report and what stands beside it is what it would be as one value."""
    assert b"".join(report.encoded(**beside)).decode("ascii") == dumps({**report.to_json(), **beside})


@given(reports)
def test_a_report_is_read_back_as_it_was(report):
    """Every number survives, NaN and infinities too, and every name, lone surrogates too."""
    assert RunReport.from_json(loads(b"".join(report.encoded()))).to_json() == report.to_json()


def test_unknown_fields_are_ignored():
    """What a newer writer adds anywhere does not keep an older reader from reading the rest."""
    value = make_report().to_json()
    for part in (value, value["series"][0], value["checkpoints"][0]):
        part["added"] = {"later": []}
    assert RunReport.from_json(value).to_json() == make_report().to_json()


def test_what_an_older_writer_leaves_out_is_absent():
    """A report that tells only what every report must is read."""
    value = make_report().to_json()
    least = {name: value[name] for name in ("team", "model", "run", "state", "started", "updated")}
    report = RunReport.from_json(least)
    assert (report.series, report.checkpoints, report.host, report.hyperparameters) == ((), (), None, {})


_POINT = [1, 1000.0, 0.5]


@pytest.mark.parametrize(
    "change",
    [
        {"run": ""},
        {"run": None},
        {"team": 3},
        {"state": "resting"},
        {"started": "NaN"},
        {"updated": float("inf")},
        {"updated": float("nan")},
        {"updated": 10**400},
        {"series": [None]},
        {"series": 5},
        {"series": ["points"]},
        {"points": [_POINT, _POINT]},
        {"points": [[2, 1.0, 1.0], [1, 2.0, 1.0]]},
        {"points": [[1, 1000.0]]},
        {"points": [[1.5, 1000.0, 0.5]]},
        {"points": [[2**63, 1000.0, 0.5]]},
        {"points": [[1, float("nan"), 0.5]]},
        {"points": [[1, 1000.0, "much"]]},
        {"points": [[1, 1000.0, 10**400]]},
        {"points": [[step, 1000.0, 0.5] for step in range(POINTS_LIMIT + 1)]},
        {"checkpoints": [{"root": "a"}]},
        {"hyperparameters": {"LR": 0.1}},
        {"hyperparameters": ["LR"]},
        {"command": ["python"]},
    ],
)
def test_what_is_no_report_is_refused(change):
    """Wrong kinds, curves that are none and numbers that are none raise one of the documented errors."""
    value = make_report().to_json()
    if "points" in change:
        value["series"][0].update(change)
    else:
        value.update(change)
    with pytest.raises((ValueError, KeyError, TypeError)):
        RunReport.from_json(value)


def test_a_report_holds_so_much_and_no_more():
    """The limits on series and checkpoints belong to the report itself, whoever made it."""
    report = make_report()
    series, checkpoint = report.series[0], report.checkpoints[0]
    replace(report, series=(series,) * SERIES_LIMIT, checkpoints=(checkpoint,) * CHECKPOINTS_LIMIT)
    with pytest.raises(ValueError, match="201 series"):
        replace(report, series=(series,) * (SERIES_LIMIT + 1))
    with pytest.raises(ValueError, match="501 checkpoints"):
        replace(report, checkpoints=(checkpoint,) * (CHECKPOINTS_LIMIT + 1))


def test_the_last_step_is_that_of_the_curves_over_steps():
    """Epochs and batches are no steps; without a curve over steps the checkpoints tell."""
    report = make_report(last_step=40)
    assert report.last_step == 10
    assert replace(report, series=(replace(report.series[0], axis="step"), *report.series)).last_step == 40
    assert replace(report, checkpoints=()).last_step is None
