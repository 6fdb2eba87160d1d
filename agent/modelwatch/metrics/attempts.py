"""
Which of several points of one step a checkpoint belongs to, after its training was restarted.

A restarted training logs steps again. Nothing is deleted: a checkpoint of before the restart keeps the values of before it. The train
runs say when restarts were; those of validation are asked only where there is no other, for evaluating twice is no restart.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from modelwatch.metrics.tags import TRAIN, Axis, Reading
from modelwatch.scalars.run import Restart
from modelwatch.scalars.series import Point

TOLERANCE_SECONDS: Final = 2.0
"""By how much a value may be logged after the checkpoint that it belongs to: callbacks run in the order of their list."""


def restarts(readings: Sequence[Reading], axis: Axis) -> list[Restart]:
    """Return the restarts of a training as an axis shows them, by wall time."""
    on_axis = [reading for reading in readings if reading.axis is axis]
    telling = [reading for reading in on_axis if reading.split == TRAIN] or on_axis
    seen = [
        (restart, f"{reading.run.directory}\0{reading.tag}") for reading in telling for restart in reading.run.restarts(reading.tag)
    ]
    if axis is Axis.STEP:
        runs = {reading.run.directory: reading.run for reading in telling}
        seen += [(restart, directory) for directory, run in runs.items() for restart in run.session_starts()]
    return _as_one(sorted(seen))


def _as_one(seen: Iterable[tuple[Restart, str]]) -> list[Restart]:
    """Return one restart for all series that show it: until the same series shows a second one, it is still the first."""
    found: list[Restart] = []
    showing: set[str] = set()
    for restart, series in seen:
        if not found or series in showing:
            found.append(restart)
            showing = {series}
        else:
            found[-1] = Restart(found[-1].wall_time, min(found[-1].step, restart.step))
            showing.add(series)
    return found


def _is_visible(point: Point, known: Sequence[Restart], time: float) -> bool:
    """Return whether a point belongs to the history of what was there at `time`, or came later to the same attempt."""
    for restart in known:
        if restart.wall_time <= point.wall_time:
            if restart.wall_time > time:
                return False
        elif restart.wall_time <= time and point.step >= restart.step:
            return False
    return True


def visible(points: Iterable[Point], known: Sequence[Restart], time: float) -> list[Point]:
    """Return the points that count for what was there at `time`, by wall time."""
    return sorted((point for point in points if _is_visible(point, known, time)), key=lambda point: point.wall_time)


def pick(points: Sequence[Point], known: Sequence[Restart], committed: float) -> Point | None:
    """
    Return the point of one step that a checkpoint belongs to: the last one of its attempt, or None.

    Args:
        points: All points of that step.

        known: The training's restarts.

        committed: When the checkpoint was complete. A restart that shows within two seconds after it may have been before it; the
            point logged nearer to the checkpoint decides.
    """
    found = [kept[-1] for time in (committed, committed + TOLERANCE_SECONDS) if (kept := visible(points, known, time))]
    return min(found, key=lambda point: abs(point.wall_time - committed), default=None)
