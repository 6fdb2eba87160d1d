"""Standing back in a burst, and only then."""

from __future__ import annotations

import pytest

from modelwatch.daemon.pace import Pace
from modelwatch.testing.clock import FakeClock


@pytest.fixture
def clock():
    """A clock that the test moves."""
    return FakeClock()


def test_a_single_checkpoint_hardly_waits(clock):
    """What comes alone is registered after a moment that nobody notices, and what is asked for before anything came at once."""
    pace = Pace(clock)
    assert pace.wait_seconds() == 0.0
    pace.came()
    wait = pace.wait_seconds()
    assert 0.0 < wait < 0.02
    clock.advance(wait)
    assert pace.wait_seconds() == 0.0


def test_checkpoints_that_come_now_and_then_are_no_burst(clock):
    """Saves that are further apart wait no longer than a single one, however many there are."""
    pace = Pace(clock)
    for _ in range(10):
        pace.came()
        assert pace.wait_seconds() < 0.02
        clock.advance(0.2)


def test_a_burst_is_waited_out(clock):
    """While checkpoints come every few milliseconds the registrar stands back, until nothing has come for a while."""
    pace = Pace(clock)
    for _ in range(20):
        pace.came()
        clock.advance(0.004)
    assert 0.0 < pace.wait_seconds() <= 0.05
    clock.advance(0.05)
    assert pace.wait_seconds() == 0.0


def test_a_burst_without_end_is_registered_while_it_goes_on(clock):
    """A training that saves like that all the time must not fill the snapshots without registering any."""
    pace = Pace(clock)
    waits = []
    for _ in range(2000):
        pace.came()
        waits.append(pace.wait_seconds())
        clock.advance(0.004)
    assert any(waits[:1000])
    assert not any(waits[1500:])
