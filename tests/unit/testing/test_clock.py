"""A clock that a test moves."""

import threading

from modelwatch.testing.clock import FakeClock


def test_time_passes_only_when_told():
    """Two looks at the clock see the same, until it is advanced."""
    clock = FakeClock(100.0)
    before = clock.monotonic()
    assert (clock.now(), clock.now()) == (100.0, 100.0)
    clock.advance(2.5)
    assert (clock.now(), clock.monotonic() - before) == (102.5, 2.5)


def test_a_wait_moves_the_clock_to_its_end():
    """Nobody waits for real, and an event that is set costs no time."""
    clock = FakeClock(100.0)
    event = threading.Event()
    assert not clock.wait(event, 7.0)
    assert clock.now() == 107.0
    event.set()
    assert clock.wait(event, 7.0)
    assert clock.now() == 107.0
