"""Fewer points that look the same."""

import math

from hypothesis import example, given
from hypothesis import strategies as st

from modelwatch.metrics.thinning import Stretch, thinned
from modelwatch.scalars.series import Series

numbers = st.floats(width=32)
limits = st.integers(4, 40)


def curve(values, *, files=1):
    """Return values logged at steps 0, 1, 2, …, in as many files as asked for, as stretches of them."""
    size = -(-len(values) // files) or 1
    stretches = []
    for begin in range(0, len(values), size):
        series = Series()
        series.append(-5, 0.0, 1e9)  # not part of the curve
        for step in range(begin, min(begin + size, len(values))):
            series.append(step, 1000.0 + step, values[step])
        stretches.append(Stretch(series, 1, len(series)))
    return stretches


def kept(values, limit, **options):
    """Return the steps that are left."""
    return thinned(curve(values, **options), limit).steps.tolist()


@given(st.lists(numbers, max_size=300), limits, st.integers(1, 7))
def test_what_is_left_was_logged_and_is_no_more_than_asked_for(values, limit, files):
    """Every point is one of the curve's, in order, and the first and the last are there."""
    columns = thinned(curve(values, files=files), limit)
    steps = columns.steps.tolist()
    assert len(steps) <= limit
    assert steps == sorted(set(steps))
    assert columns.walls.tolist() == [1000.0 + step for step in steps]
    assert [repr(value) for value in columns.values] == [repr(values[step]) for step in steps]
    assert steps[:1] + steps[-1:] == [0, len(values) - 1][: 2 * len(values)]


@given(st.lists(numbers, max_size=40), st.integers(40, 1000))
def test_a_short_curve_is_whole(values, limit):
    """What has room is not touched."""
    assert kept(values, limit) == list(range(len(values)))


@given(st.lists(st.floats(width=32, allow_nan=False), min_size=1, max_size=300), limits, st.integers(1, 7))
@example([math.inf, -math.inf] * 30, 8, 3)
def test_every_peak_is_left(values, limit, files):
    """The highest and the lowest value of all, infinities too, and of every bucket that a reader of the docstring parts off."""
    steps = kept(values, limit, files=files)
    left = {values[step] for step in steps}
    assert {min(values), max(values)} <= left
    width = next((2**power for power in range(10) if 2 * math.ceil(len(values) / 2**power) + 2 <= limit), None)
    if len(values) > limit:
        for begin in range(0, len(values), width):
            bucket = [values[step] for step in steps if begin <= step < begin + width]
            assert {min(values[begin : begin + width]), max(values[begin : begin + width])} <= set(bucket)


@given(st.lists(numbers, min_size=1, max_size=300), limits)
def test_a_divergence_is_left(values, limit):
    """The first NaN of all is kept, and the highest number."""
    columns = thinned(curve(values), limit)
    left = dict(zip(columns.steps, columns.values, strict=True))
    first = next((step for step, value in enumerate(values) if math.isnan(value)), None)
    assert first is None or first in left
    rest = [value for value in values if not math.isnan(value)]
    assert not rest or max(rest) in left.values()


@given(st.lists(st.integers(0, 9), min_size=35, max_size=64), st.integers(35, 64))
def test_a_curve_that_grows_keeps_its_points(values, earlier):
    """What was kept of whole buckets is kept again after more was logged, while the buckets are as wide: here, of four points."""
    before, after = kept(values[:earlier], 34), kept(values, 34)
    whole = (min(earlier, len(values)) - 1) // 4 * 4
    assert [step for step in before if step < whole] == [step for step in after if step < whole]


def test_of_one_step_the_last_point_is_left():
    """A value that was logged again at its step is the one that counts."""
    series = Series()
    for value in (0.25, 0.5, 0.75):
        series.append(7, 1000.0 + value, value)
    columns = thinned([Stretch(series, 0, 3)], 10)
    assert (columns.steps.tolist(), columns.values.tolist()) == ([7], [0.75])


def test_a_point_without_a_time_is_left_out():
    """A wall time that is no number is nothing that can be drawn."""
    series = Series()
    for step, wall in enumerate((1000.0, math.nan, math.inf, 1003.0)):
        series.append(step, wall, 0.5)
    assert thinned([Stretch(series, 0, 4)], 10).steps.tolist() == [0, 3]
