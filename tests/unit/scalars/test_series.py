"""The columns of one series: restarts, and finding points."""

from bisect import bisect_right

from hypothesis import given, settings
from hypothesis import strategies as st

from modelwatch.scalars import series as module
from modelwatch.scalars.series import Series


@given(st.lists(st.integers(0, 20), max_size=80), st.integers(0, 20), st.integers(0, 80))
@settings(max_examples=200, deadline=None)
def test_steps_are_found_through_restarts(steps, wanted, asked_at):
    """Whatever order steps come in, and whenever one asks, every point of a step is found, and every step back is a restart."""
    series = Series()
    for index, step in enumerate(steps):
        if index == asked_at:
            list(series.at(wanted))
        series.append(step, float(index), 0.5)
    assert [point.wall_time for point in series.at(wanted)] == [float(index) for index, step in enumerate(steps) if step == wanted]
    back = [float(index) for index in range(1, len(steps)) if steps[index] < steps[index - 1]]
    assert [point.wall_time for point in series.regressions()] == back
    latest = series.not_after_time(asked_at + 0.5)
    expected = bisect_right(range(len(steps)), asked_at + 0.5) - 1
    assert (None if latest is None else latest.wall_time) == (float(expected) if expected >= 0 else None)


def test_order_is_checked_in_pieces(monkeypatch):
    """A restart between two pieces of a long series is seen."""
    monkeypatch.setattr(module, "_LOOK_AT_ONCE", 4)
    series = Series()
    for index, step in enumerate([1, 2, 3, 4, 2, 3, 4, 5, 1]):
        series.append(step, float(index), 0.5)
    assert [point.step for point in series.regressions()] == [2, 1]
    assert series.step_range() == (1, 5)
    assert [point.step for point in series.not_after_step(3)] == [3, 3, 1]


def test_values_keep_their_precision():
    """A value that 32 bits cannot hold widens the column, and the values before it stay what they were."""
    series = Series()
    assert not series.append(1, 1.0, 0.5)
    assert series.append(2, 2.0, 0.1)
    assert not series.append(3, 3.0, 1e300)
    assert [series.point(index).value for index in range(3)] == [0.5, 0.1, 1e300]
