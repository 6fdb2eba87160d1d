"""One run, made of the streams of its event files: what can be asked about its points."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from modelwatch.scalars.event import SESSION_START, Session
from modelwatch.scalars.series import Point, Series, Stream, Text


class Restart(NamedTuple):
    """
    A training that went on from an earlier step, or began anew.

    Attributes:
        wall_time: When the first point after it was logged.
        step: The first step it logged: what earlier attempts logged for this step and later ones does not count any more.
    """

    wall_time: float
    step: int


class Run:
    """
    The scalars of one directory.

    Attributes:
        name: The directory's path below its log directory; ``.`` for the log directory itself.
        directory: Its absolute path.
        plugins: Plug-in names by tag, as the values' metadata says; the first one wins.
        streams: What each event file holds, by file name.
    """

    __slots__ = ("directory", "name", "plugins", "streams")

    def __init__(self, name: str, directory: str) -> None:
        self.name = name
        self.directory = directory
        self.plugins: dict[str, str] = {}
        self.streams: dict[str, Stream] = {}

    def tags(self) -> list[str]:
        """Return the tags that have points, sorted."""
        return sorted({tag for stream in self.streams.values() for tag, series in stream.series.items() if series})

    def series(self, tag: str) -> Iterator[Series]:
        """Give what each event file holds of a tag, where it holds any."""
        for stream in self.streams.values():
            series = stream.series.get(tag)
            if series:
                yield series

    def points(self, tag: str) -> list[Point]:
        """Return all points of a tag by wall time: a copy, for small series and tests."""
        found = (series.point(index) for series in self.series(tag) for index in range(len(series)))
        return sorted(found, key=lambda point: point.wall_time)

    def count(self, tag: str) -> int:
        """Return how many points a tag has."""
        return sum(len(series) for series in self.series(tag))

    def step_range(self, tag: str) -> tuple[int, int] | None:
        """Return the lowest and the highest step of a tag, or None without points."""
        ends = [step for series in self.series(tag) for step in series.step_range()]
        return (min(ends), max(ends)) if ends else None

    def span(self) -> tuple[float, float] | None:
        """Return the wall times of the first and the last point of all, or None without points."""
        walls = [wall for stream in self.streams.values() for series in stream.series.values() if series for wall in series.span()]
        return (min(walls), max(walls)) if walls else None

    def at(self, tag: str, step: int) -> list[Point]:
        """Return every point of `tag` at `step`, by wall time."""
        return sorted((point for series in self.series(tag) for point in series.at(step)), key=lambda point: point.wall_time)

    def not_after_step(self, tag: str, step: int) -> list[Point]:
        """Return, from each stretch between restarts, the last point of `tag` whose step is at most `step`."""
        return [point for series in self.series(tag) for point in series.not_after_step(step)]

    def not_after_time(self, tag: str, wall_time: float) -> Point | None:
        """Return the last point of `tag` logged at or before `wall_time`."""
        found = [point for series in self.series(tag) if (point := series.not_after_time(wall_time)) is not None]
        return max(found, key=lambda point: point.wall_time, default=None)

    def steps_after(self, tag: str, wall_time: float) -> int | None:
        """Return the highest step of `tag` that was logged after `wall_time`, or None."""
        found = [series.point(len(series) - 1) for series in self.series(tag)]
        return max((point.step for point in found if point.wall_time > wall_time), default=None)

    def median_gap(self, tag: str) -> int | None:
        """Return the median distance between a tag's recent steps, or None when that cannot be told."""
        gaps = sorted(gap for series in self.series(tag) if (gap := series.median_gap()) is not None)
        return gaps[len(gaps) // 2] if gaps else None

    def restarts(self, tag: str) -> list[Restart]:
        """
        Return where the points of `tag` begin anew, by wall time.

        A step lower than the one before it in the same file; or a new file whose first step is not above what the files before it had
        reached by then.
        """
        found = []
        by_time = sorted(self.series(tag), key=lambda series: series.walls[0])
        for index, series in enumerate(by_time):
            found += [Restart(point.wall_time, point.step) for point in series.regressions()]
            first = series.point(0)
            reached = [point for earlier in by_time[:index] if (point := earlier.not_after_time(first.wall_time)) is not None]
            if reached and first.step <= max(reached, key=lambda point: point.wall_time).step:
                found.append(Restart(first.wall_time, first.step))
        return sorted(found)

    def session_starts(self) -> list[Restart]:
        """Return the session logs that say START, but for one that is the run's first event."""
        starts = sorted(Restart(session.wall_time, session.step) for session in self.sessions() if session.status == SESSION_START)
        span = self.span()
        return [start for start in starts if span is not None and start.wall_time > span[0]]

    def texts(self) -> list[Text]:
        """Return every ``checkpoint_path`` that was logged."""
        return [text for stream in self.streams.values() for text in stream.texts]

    def sessions(self) -> list[Session]:
        """Return every session log."""
        return [session for stream in self.streams.values() for session in stream.sessions]
