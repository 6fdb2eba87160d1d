"""
What is left of a tag's points after its training was restarted, or preempted and continued elsewhere.

A restarted training logs steps again. A point takes away every point of its tag that was logged before it for the same step or a later
one, and so does TensorFlow 1's note that a session started (PyTorch's ``purge_step`` writes the same). What is left is the last attempt
and, in front of it, each earlier one up to where the next went on: its steps ascend. `modelwatch.metrics.attempts` asks another question,
namely which attempt a checkpoint belongs to.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate

from modelwatch.metrics.thinning import Stretch
from modelwatch.scalars.run import Restart, Run
from modelwatch.scalars.series import Series


def last_attempt(run: Run, tag: str, sessions: Sequence[Restart], since: float) -> list[Stretch]:
    """
    Return the points of a tag that count, as stretches with ascending steps.

    Two files that were written at the same time are taken as two attempts, the one that was begun first as the earlier.

    Args:
        run: The run that has the tag.

        tag: The tag.

        sessions: Notes that a session started, by wall time.

        since: Points that were logged earlier (seconds since the epoch) belong to another training.
    """
    pieces = [
        piece
        for series in sorted(run.series(tag), key=lambda series: series.walls[0])
        for start, stop in series.stretches()
        for piece in _until_next_session(series, bisect_left(series.walls, since, start, stop), stop, sessions)
    ]
    found: list[Stretch] = []
    for series, start, stop in reversed(pieces):
        if found:
            after = found[-1]
            stop = bisect_left(series.steps, after.series.steps[after.start], start, stop)  # noqa: PLW2901 - a stretch that ends earlier
        if stop > start:
            found.append(Stretch(series, start, stop))
    return found[::-1]


def _until_next_session(series: Series, start: int, stop: int, sessions: Sequence[Restart]) -> Iterator[Stretch]:
    """Give a stretch without what the sessions that started after its points took away."""
    if start >= stop:
        return
    lowest = list(accumulate((session.step for session in reversed(sessions)), min))[::-1]  # of each session and those after it
    times = [session.wall_time for session in sessions]
    first, behind = bisect_right(times, series.walls[start]), bisect_right(times, series.walls[stop - 1])
    begin = start
    for number in range(first, behind):
        end = bisect_left(series.walls, times[number], begin, stop)
        yield Stretch(series, begin, bisect_left(series.steps, lowest[number], begin, end))
        begin = end
    end = stop if behind == len(sessions) else bisect_left(series.steps, lowest[behind], begin, stop)
    yield Stretch(series, begin, end)
