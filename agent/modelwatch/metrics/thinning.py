"""
Fewer points of a curve, by which it looks the same.

The points are parted into buckets of the same number, a power of two, counted from the first; each keeps its lowest and its highest
value, and the curve its first and its last point. A bucket in which a training diverged keeps its first NaN in place of the lowest. So
every peak stays, whatever is kept was logged, and the same points are kept from one look to the next while a curve grows, until it has
twice as many.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from modelwatch.scalars.series import Series


class Stretch(NamedTuple):
    """
    Some points of one file, whose steps do not go down.

    Attributes:
        series: What the file holds of the tag.
        start: Index of the first.
        stop: Index behind the last.
    """

    series: Series
    start: int
    stop: int


class Columns(NamedTuple):
    """Steps, wall times and values of some points, the steps ascending: what `modelwatch.core.entities.Series` holds."""

    steps: array[int]
    walls: array[float]
    values: array[float]


def thinned(stretches: Sequence[Stretch], limit: int) -> Columns:
    """
    Return at most `limit` points of a curve. Of points of the same step only the last that is kept stays.

    Args:
        stretches: The curve. No step is lower than one before it.

        limit: At least 4.
    """
    columns = Columns(array("q"), array("d"), array("d"))
    for series, index in _kept(stretches, limit):
        step, wall = series.steps[index], series.walls[index]
        if not math.isfinite(wall):
            continue
        if columns.steps and columns.steps[-1] == step:
            for column in columns:
                column.pop()
        columns.steps.append(step)
        columns.walls.append(wall)
        columns.values.append(series.values[index])
    return columns


def _kept(stretches: Sequence[Stretch], limit: int) -> Iterator[tuple[Series, int]]:
    """Give the points that are kept, in order, some of them more than once."""
    count = sum(stop - start for _, start, stop in stretches)
    if count <= limit:
        yield from ((series, index) for series, start, stop in stretches for index in range(start, stop))
        return
    width = 1
    while 2 * -(-count // width) + 2 > limit:
        width *= 2
    first, last = stretches[0], stretches[-1]
    yield first.series, first.start
    for bucket in _buckets(stretches, width):
        for piece, index in sorted(_extremes(bucket)):
            yield bucket[piece].series, index
    yield last.series, last.stop - 1


def _buckets(stretches: Sequence[Stretch], width: int) -> Iterator[list[Stretch]]:
    """Part a curve into buckets of `width` points, the last of which may have fewer."""
    bucket: list[Stretch] = []
    room = width
    for series, start, stop in stretches:
        begin = start
        while begin < stop:
            end = min(begin + room, stop)
            bucket.append(Stretch(series, begin, end))
            room -= end - begin
            begin = end
            if not room:
                yield bucket
                bucket, room = [], width
    if bucket:
        yield bucket


def _extremes(bucket: Sequence[Stretch]) -> set[tuple[int, int]]:
    """Return the one or two points that a bucket keeps, each as the number of its stretch and its index."""
    lowest: tuple[float, int, int] | None = None
    highest: tuple[float, int, int] | None = None
    diverged: tuple[int, int] | None = None
    for piece, (series, start, stop) in enumerate(bucket):
        values: Sequence[float] = series.values[start:stop]
        if math.isnan(sum(values)):
            if diverged is None:
                diverged = next(((piece, start + index) for index, value in enumerate(values) if math.isnan(value)), None)
            values = [value for value in values if not math.isnan(value)]
            if not values:
                continue
        low, high = min(values), max(values)
        if lowest is None or low < lowest[0]:
            lowest = (low, piece, series.values.index(low, start, stop))
        if highest is None or high > highest[0]:
            highest = (high, piece, series.values.index(high, start, stop))
    kept = {diverged} if diverged is not None else {lowest[1:]} if lowest is not None else set()
    return kept | ({highest[1:]} if highest is not None else set())
