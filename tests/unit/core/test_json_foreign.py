"""JSON that somebody else wrote."""

import pytest

from modelwatch.core.json import dumps, loads, loads_foreign


def test_what_is_read_can_be_written():
    """Non-finite numbers of Python's dialect come back as the strings that we write."""
    assert dumps(loads_foreign('{"a": [NaN, -Infinity, 1.5]}')) == '{"a":["NaN","-Infinity",1.5]}'


@pytest.mark.parametrize("text", ["[" * 100_000, "[" * 200 + "]" * 200, "{", "", b"\xff\xff"])
def test_nonsense_and_deep_nesting_are_value_errors(text):
    """Whatever is not JSON, or nested deeper than anybody means to, raises ValueError."""
    with pytest.raises(ValueError):  # noqa: PT011 - any of json's own messages
        loads_foreign(text)


def test_plain_reading_does_not_overflow_the_stack():
    """`loads` too tells deep nesting as ValueError."""
    with pytest.raises(ValueError, match="nested"):
        loads("[" * 100_000)
