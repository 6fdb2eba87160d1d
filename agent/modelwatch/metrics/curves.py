"""
The curves of everything that event files hold, as far as a report of a run has room: `modelwatch.core.entities.Series`.

Loss and accuracy come first, then the learning rate, then what has loss or accuracy in its name, then the rest; of trainings that share a
log directory the one begun last. The room for points is shared so that short curves are whole, and long ones thinned to the same number.

No point is held twice: each curve is thinned out of the columns that the reader keeps, under a lock that is held for one curve at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from modelwatch.core.entities import Series
from modelwatch.core.entities.run_report import POINTS_LIMIT, SERIES_LIMIT
from modelwatch.metrics.join import ScalarSource
from modelwatch.metrics.last_attempt import last_attempt
from modelwatch.metrics.tags import Axis, Reading
from modelwatch.metrics.thinning import thinned
from modelwatch.metrics.trainings import trainings
from modelwatch.scalars.run import Restart, Run

POINTS_IN_ALL: Final = 30_000
"""The most points of all curves together: 1.5 MB of text."""

_LONGEST_NAME: Final = 500
_HEADLINES: Final = frozenset({"loss", "accuracy", "acc"})
_RATES: Final = frozenset({"learning_rate", "lr"})


@dataclass(frozen=True, slots=True)
class _Wanted:
    """One curve that there is to be, by names: the run itself is not to be held."""

    directory: str
    run: str
    tag: str
    key: str
    split: str
    axis: Axis
    sessions: tuple[Restart, ...]
    count: int


def curves(scalars: ScalarSource, *, since: float, interrupted: Callable[[], bool]) -> tuple[Series, ...] | None:
    """
    Return the curves of every run, those that people look at first in front.

    Args:
        scalars: The event files.

        since: What was logged earlier (seconds since the epoch) belongs to other trainings.

        interrupted: Asked before each curve: whether to stop.

    Returns:
        At most `SERIES_LIMIT` curves of at most `POINTS_LIMIT` points each and `POINTS_IN_ALL` together, or None when it was interrupted.
    """
    with scalars.view() as runs:
        wanted = _wanted(runs, since)
    limit = share([curve.count for curve in wanted], in_all=POINTS_IN_ALL, most=POINTS_LIMIT)
    found = []
    for curve in wanted:
        if interrupted():
            return None
        with scalars.view() as runs:
            run = next((run for run in runs if run.directory == curve.directory), None)
            columns = None if run is None else thinned(last_attempt(run, curve.tag, curve.sessions, since), limit)
        if columns is not None and columns.steps:
            found.append(Series(curve.tag, curve.run, curve.key, curve.split, curve.axis.name.lower(), *columns))
    return tuple(found)


def share(counts: Sequence[int], *, in_all: int, most: int) -> int:
    """Return the highest number, up to `most`, of which each may have as many as it has, so that all have at most `in_all` together."""
    left = in_all
    for index, count in enumerate(sorted(counts)):
        each = left // (len(counts) - index)
        if count > each:
            return min(each, most)
        left -= count
    return most


def _wanted(runs: Sequence[Run], since: float) -> list[_Wanted]:
    """Return the curves that there is room for, the first ones first."""
    ranked = []
    for training in trainings(runs):
        span = training.span()
        if span is None or span[1] < since:
            continue
        readings = [reading for reading in training.readings() if len(reading.run.name) + len(reading.tag) <= _LONGEST_NAME]
        for reading, key in _with_keys(readings):
            order = (
                _interest(reading.short_name),
                -span[0],
                key.count("/"),
                key,
                reading.split,
                reading.run.directory,
                reading.tag,
            )
            ranked.append((order, reading, key))
    ranked.sort(key=lambda entry: entry[0])
    chosen = ranked[:SERIES_LIMIT]
    sessions = {run.directory: tuple(run.session_starts()) for run in {reading.run for _, reading, _ in chosen}}
    return [
        _Wanted(
            reading.run.directory,
            reading.run.name,
            reading.tag,
            key,
            reading.split,
            reading.axis,
            sessions[reading.run.directory] if reading.axis is Axis.STEP else (),
            reading.run.count(reading.tag),
        )
        for _, reading, key in chosen
    ]


def _with_keys(readings: Iterable[Reading]) -> Iterator[tuple[Reading, str]]:
    """Give each reading of a training with the key that its metric has: the last token, or all where that would be ambiguous."""
    readings = list(readings)
    names: dict[tuple[str, str], set[str]] = {}
    for reading in readings:
        names.setdefault((reading.split, reading.short_name), set()).add(reading.name)
    for reading in readings:
        is_plain = len(names[reading.split, reading.short_name]) == 1
        yield reading, reading.short_name if is_plain else reading.name


def _interest(name: str) -> int:
    """Return how soon people look at a metric of this name: 0 is first."""
    if name in _HEADLINES:
        return 0
    if name in _RATES:
        return 1
    return 2 if "loss" in name or "acc" in name else 3
