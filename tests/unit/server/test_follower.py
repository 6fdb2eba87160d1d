"""How often the directory is looked at."""

import pytest

from modelwatch.server.follower import pause


@pytest.mark.parametrize("seconds", [0.0, 0.00001, 0.005, 3.0])
def test_looks_in_vain_take_a_twentieth_of_a_core_at_most(seconds):
    """However many models there are: those that are looked at together cost some milliseconds."""
    assert seconds == pytest.approx(0.05 * (seconds + pause(seconds, changed=False)))


def test_after_what_was_found_no_time_is_lost():
    """Though it took long: whoever writes goes on writing."""
    assert pause(3.0, changed=True) == 0.0
