"""How often the directory is looked at."""

from modelwatch.server.follower import pause


def test_a_look_that_costs_little_is_repeated_every_second():
    """However little it is."""
    assert pause(0.0, changed=False) == pause(0.04, changed=False) == 1.0


def test_looks_in_vain_take_a_twentieth_of_a_core_at_most():
    """With ten thousand models a look is some tenths of a second of CPU."""
    assert pause(0.2, changed=False) == 4.0


def test_a_look_that_found_something_is_repeated_soon():
    """Though it took long: whoever writes goes on writing."""
    assert pause(3.0, changed=True) == 1.0
