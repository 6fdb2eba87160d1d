"""What is left of a tag's points after restarts."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from modelwatch.metrics.last_attempt import last_attempt
from modelwatch.metrics.thinning import thinned
from modelwatch.scalars.run import Restart, Run
from modelwatch.scalars.series import Point, Stream

EVER = float("-inf")


def run_of(*files: list[tuple[int, float]]) -> Run:
    """Return a run whose files hold points of `loss`, each (step, wall time), whose value is the wall time."""
    run = Run(".", "/logs")
    for number, points in enumerate(files):
        run.streams[f"events.out.tfevents.{number}"] = stream = Stream()
        for step, wall in points:
            stream.add("loss", Point(step, wall, wall))
    return run


def left(run: Run, sessions: list[Restart] | None = None, since: float = EVER) -> list[tuple[int, float]]:
    """Return the points that are left, each (step, value)."""
    columns = thinned(last_attempt(run, "loss", sessions or [], since), 10_000)
    return list(zip(columns.steps, columns.values, strict=True))


def one_by_one(points: list[tuple[int, float]], sessions: list[Restart], since: float) -> list[tuple[int, float]]:
    """Do by the docstring, a point at a time: each takes away what was logged before for its step and later ones, and so does a session."""
    found: list[tuple[int, float]] = []
    pending = sorted(sessions)
    for step, wall in points:
        if wall < since:
            continue
        while pending and pending[0].wall_time <= wall:
            found = [point for point in found if point[0] < pending[0].step]
            pending.pop(0)
        found = [point for point in found if point[0] < step]
        found.append((step, wall))
    for session in pending:
        found = [point for point in found if point[0] < session.step]
    return found


@given(
    st.lists(st.lists(st.integers(0, 12), max_size=12), max_size=5),
    st.lists(st.tuples(st.integers(0, 50), st.integers(0, 12)), max_size=4),
    st.integers(0, 30),
)
def test_a_point_takes_away_what_was_logged_before_for_its_step_and_later_ones(files, sessions, since):
    """Whatever is logged in whatever order, in however many files and sessions, as if one went through it point by point."""
    walls = iter(range(1000))
    logged = [[(step, float(next(walls))) for step in steps] for steps in files]
    restarts = sorted(Restart(wall - 0.5, step) for wall, step in sessions)
    expected = one_by_one([point for file in logged for point in file], restarts, float(since))
    assert left(run_of(*logged), restarts, float(since)) == expected


def test_a_training_that_was_preempted_and_went_on_in_another_file():
    """The earlier attempt counts up to where the later one went on."""
    first = [(step, 100.0 + step) for step in range(0, 100, 10)]
    second = [(step, 1000.0 + step) for step in range(60, 120, 10)]
    assert left(run_of(first, second)) == [*first[:6], *second]


def test_files_are_taken_in_the_order_in_which_they_were_begun():
    """Whatever their names sort as."""
    assert left(run_of([(5, 2000.0)], [(4, 1000.0), (5, 1001.0)])) == [(4, 1000.0), (5, 2000.0)]


def test_a_tag_without_points_has_no_curve():
    """Neither has one whose points are all of an earlier training."""
    assert left(run_of()) == []
    assert left(run_of([(1, 10.0)]), since=11.0) == []
