"""Hints at regular times."""

from modelwatch.testing.clock import FakeClock
from modelwatch.watch.hint import Hint
from modelwatch.watch.poll_hints import PollHints


def test_hints_come_at_regular_times_however_short_the_waits_are():
    """Many short waits add up to the time between two looks."""
    clock = FakeClock()
    hints = PollHints(3.0, clock)
    told = [(clock.monotonic(), bool(hints.wait(1.0))) for _ in range(8)]
    start = told[0][0]
    assert [at - start for at, everything in told if everything] == [2.0, 5.0]


def test_a_look_that_takes_long_is_followed_by_a_pause():
    """The time between two looks begins when somebody waits again."""
    clock = FakeClock()
    hints = PollHints(1.0, clock)
    assert hints.wait(60.0) == Hint(everything=True)
    clock.advance(100.0)
    assert not hints.wait(0.0)
    assert hints.wait(60.0) == Hint(everything=True)


def test_asking_without_waiting_tells_nothing_early():
    """A wait of no time gives nothing before it is time."""
    hints = PollHints(1.0, FakeClock())
    assert not any(hints.wait(0.0) for _ in range(100))


def test_a_wait_can_be_ended():
    """A wake ends the next wait, once, and puts off no look."""
    clock = FakeClock()
    hints = PollHints(1.0, clock)
    hints.wake()
    assert not hints.wait(60.0)
    assert hints.wait(60.0) == Hint(everything=True)
    hints.close()
