"""The hand-over from the command line to the supervisor."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelwatch.supervisor.launch import Launch

WORDS = st.lists(st.text(), min_size=1, max_size=5).map(tuple)


@given(
    st.builds(
        Launch,
        model_path=st.text(),
        drain_seconds=st.floats(0, 1e9),
        straggler_seconds=st.floats(0, 1e9),
        signal_mask=st.lists(st.integers(1, 64)).map(tuple),
        agent=WORDS,
        command=WORDS,
    )
)
def test_what_is_handed_over_arrives(launch):
    """Whatever is launched reads back as it was."""
    assert Launch.from_arguments(launch.arguments()) == launch


@pytest.mark.parametrize(
    "arguments",
    [[], ["/m"], ["/m", "1", "1", "", "x", "a", "b"], ["/m", "1", "1", "", "1", "a"], ["/m", "1", "1", "", "3", "a", "b"]],
)
def test_anything_else_is_refused(arguments):
    """Arguments that are not a launch are a ValueError."""
    with pytest.raises(ValueError, match=r".+"):
        Launch.from_arguments(arguments)
