"""Numbers and times as people read them."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelwatch.server.pages import words

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        (0.0680, "0.0680"),
        (0.97951, "0.9795"),
        (-1.5, "−1.5000"),
        (0.0, "0.0000"),
        (0.00004321, "4.321e−5"),
        (12_345_678.0, "1.235e7"),
        (1234.5, "1,234.5000"),
        (math.nan, "NaN"),
        (math.inf, "∞"),
        (-math.inf, "−∞"),
    ],
)
def test_a_value_has_four_decimals_where_those_say_something(number, shown):
    """Small and large values are written in powers of ten, and what is no number is named."""
    assert words.value(number) == shown


@given(st.floats())
def test_a_value_never_needs_much_room(number):
    """Whatever was logged fits a column of a table."""
    assert len(words.value(number)) <= 14


@pytest.mark.parametrize(
    ("passed", "shown"), [(-5, "now"), (0.4, "now"), (59, "59 s ago"), (3599, "59 min ago"), (86_400 * 400, "1 y ago")]
)
def test_an_age_is_in_its_largest_unit(passed, shown):
    """Seconds become minutes, hours, days and years; a clock that is ahead is now."""
    assert words.age(1000.0, 1000.0 + passed) == shown


@given(st.floats())
def test_every_time_can_be_shown(seconds):
    """A time that no calendar has is a dash, never an error."""
    assert words.ago(seconds)
    assert words.date(seconds)


def test_a_time_is_marked_up_and_nothing_else_can_be():
    """The element that a time becomes is markup, so that templates do not escape it."""
    assert words.ago(0.0).startswith('<time datetime="1970-01-01T00:00:00Z" title="1970-01-01 00:00:00 UTC">')


@given(JSON)
def test_json_is_shown_whole(value):
    """However it is broken into lines, it is the same value."""
    assert json.loads(words.pretty(value)) == value


def test_what_fits_a_line_stays_in_one():
    """A shape is not spread over four lines, and what is longer is."""
    shown = words.pretty({"inputs": {"image": {"shape": [-1, 28, 28, 1], "dtype": "float32"}}, "names": ["a" * 50, "b" * 50]})
    assert '  "inputs": {"image": {"shape": [-1, 28, 28, 1], "dtype": "float32"}},\n' in shown
    assert shown.count("\n") == 6


@pytest.mark.parametrize(("run", "shown"), [("run-1", "run-1"), ("x" * 15, "x" * 14 + "…")])
def test_a_long_name_of_a_run_is_cut(run, shown):
    """What is cut says so."""
    assert words.short(run) == shown


@pytest.mark.parametrize(
    ("message", "told"),
    [("", ""), ("there is no model 'a'", "There is no model 'a'."), ("It is.", "It is."), ("run this:", "Run this:")],
)
def test_a_message_is_told_as_a_sentence(message, told):
    """It begins with a capital and ends once."""
    assert words.sentence(message) == told


def test_a_long_name_may_be_broken_behind_its_dots():
    """It is the same text, and what is markup in it stays text."""
    assert words.breaks("lineage.git_sha.<b>") == "lineage.<wbr>git_<wbr>sha.<wbr>&lt;b&gt;"
