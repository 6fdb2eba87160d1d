"""
The points of one event file in columns, and what they tell about restarts.

A point costs 20 bytes: 8 for the step, 8 for the wall time and 4 for the value, or 8 once a value came that 32 bits cannot hold.
Nothing is ever deleted or reordered: a restarted training that logs a step again adds points, and `Series.regressions` says where.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Final, NamedTuple

from modelwatch.scalars.event import Session, is_exact_in_32_bits

_LOOK_AT_ONCE: Final = 1 << 14  # points whose order is checked in one go: a list of them is eight times as big as their column


class Point(NamedTuple):
    """
    One logged value.

    Attributes:
        step: The step it was logged for.
        wall_time: Seconds since the epoch on the training host's clock.
        value: Exactly as logged.
    """

    step: int
    wall_time: float
    value: float


class Text(NamedTuple):
    """One logged ``checkpoint_path``, with the step and wall time of its event."""

    step: int
    wall_time: float
    text: str


class Series:
    """
    The points of one tag in one file, in file order.

    Attributes:
        steps: Signed 64-bit.
        walls: Doubles, seconds since the epoch.
        values: 32-bit floats, or doubles once one was needed.
    """

    __slots__ = ("_ordered_to", "_starts", "steps", "values", "walls")

    def __init__(self) -> None:
        self.steps = array("q")
        self.walls = array("d")
        self.values = array("f")
        self._starts = [0]
        self._ordered_to = 0

    def __len__(self) -> int:
        return len(self.steps)

    def append(self, step: int, wall_time: float, value: float) -> bool:
        """Add a point. Return whether the column of values was replaced by a wider one, which makes what `appenders` gave stale."""
        widened = self.values.typecode == "f" and not is_exact_in_32_bits(value)
        if widened:
            self.values = array("d", self.values)
        self.steps.append(step)
        self.walls.append(wall_time)
        self.values.append(value)
        return widened

    def appenders(self) -> tuple[Callable[[int], None], Callable[[float], None], Callable[[float], None]]:
        """Return what adds a step, a wall time and a value that fits 32 bits. All three are to be called for each point."""
        return self.steps.append, self.walls.append, self.values.append

    def step_range(self) -> tuple[int, int]:
        """Return the lowest and the highest step. There must be a point."""
        return min(self.steps[start] for start, _ in self.stretches()), max(self.steps[stop - 1] for _, stop in self.stretches())

    def span(self) -> tuple[float, float]:
        """Return the wall times of the first and the last point. There must be one."""
        return self.walls[0], self.walls[-1]

    def point(self, index: int) -> Point:
        """Return the point at `index`."""
        return Point(self.steps[index], self.walls[index], self.values[index])

    def stretches(self) -> list[tuple[int, int]]:
        """Return the index ranges, start and stop, within which steps never go down: what lies between restarts."""
        size = len(self.steps)
        while self._ordered_to < size:
            begin = max(self._ordered_to - 1, 0)
            stop = min(begin + _LOOK_AT_ONCE, size)
            fresh = self.steps[begin:stop].tolist()
            if fresh != sorted(fresh):  # in C, and linear for what is sorted: only a restart takes the loop
                self._starts += [begin + index for index, (one, two) in enumerate(pairwise(fresh), 1) if two < one]
            self._ordered_to = stop
        return list(zip(self._starts, [*self._starts[1:], size], strict=True)) if size else []

    def regressions(self) -> Iterator[Point]:
        """Give each point whose step is lower than the one before it: where a restarted training went on."""
        for start, _ in self.stretches()[1:]:
            yield self.point(start)

    def at(self, step: int) -> Iterator[Point]:
        """Give every point of `step`."""
        for start, stop in self.stretches():
            first = bisect_left(self.steps, step, start, stop)
            for index in range(first, bisect_right(self.steps, step, first, stop)):
                yield self.point(index)

    def not_after_step(self, step: int) -> Iterator[Point]:
        """Give, from each stretch between restarts, the last point whose step is at most `step`."""
        for start, stop in self.stretches():
            index = bisect_right(self.steps, step, start, stop)
            if index > start:
                yield self.point(index - 1)

    def not_after_time(self, wall_time: float) -> Point | None:
        """Return the last point logged at or before `wall_time`; the clock is taken to run forward between restarts."""
        found: Point | None = None
        for start, stop in self.stretches():
            index = bisect_right(self.walls, wall_time, start, stop)
            if index > start and (found is None or self.walls[index - 1] >= found.wall_time):
                found = self.point(index - 1)
        return found

    def median_gap(self) -> int | None:
        """Return the median distance between successive steps among the last hundred points; None without two different steps."""
        gaps = sorted(two - one for one, two in pairwise(self.steps[-100:]) if two > one)
        return gaps[len(gaps) // 2] if gaps else None


class Stream:
    """
    Everything of use that one event file holds.

    Attributes:
        series: By tag.
        sessions: TensorFlow 1's session logs, in file order.
        texts: ``checkpoint_path`` tensors, in file order.
        generation: Goes up when a column was replaced; whoever holds appenders asks again.
    """

    __slots__ = ("generation", "series", "sessions", "texts")

    def __init__(self) -> None:
        self.series: dict[str, Series] = {}
        self.sessions: list[Session] = []
        self.texts: list[Text] = []
        self.generation = 0

    def clear(self) -> None:
        """Forget everything: the file starts anew."""
        self.series.clear()
        self.sessions.clear()
        self.texts.clear()
        self.generation += 1

    def of(self, tag: str) -> Series:
        """Return the series of `tag`, made if there was none."""
        series = self.series.get(tag)
        if series is None:
            series = self.series[tag] = Series()
        return series

    def add(self, tag: str, point: Point) -> None:
        """Add a point to the series of `tag`."""
        if self.of(tag).append(*point):
            self.generation += 1
