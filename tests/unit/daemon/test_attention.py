"""Attention: looks that find something are never held back, looks in vain take a tenth of a core in the long run."""

from __future__ import annotations

import pytest

from modelwatch.daemon.attention import Attention
from modelwatch.testing.clock import FakeClock


@pytest.fixture
def clock():
    """A clock that the test moves."""
    return FakeClock()


def looks(attention, clock, *, seconds, in_vain, events_every):
    """Look again and again for a minute, as soon as something has happened and there is no pause; return the looks' seconds."""
    spent, until = 0.0, clock.monotonic() + 60.0
    while clock.monotonic() < until:
        attention.began()
        clock.advance(seconds)
        spent += seconds
        attention.ended(in_vain=in_vain)
        clock.advance(max(events_every - seconds, attention.pause_seconds(), 0.0))
    return spent


@pytest.mark.parametrize("look_seconds", [0.0005, 0.05, 2.0])
def test_looks_in_vain_take_a_tenth_of_a_core(clock, look_seconds):
    """A training that writes logs all the time, beside few files or many, costs no more than that."""
    spent = looks(Attention(clock), clock, seconds=look_seconds, in_vain=True, events_every=0.001)
    if look_seconds < 1.0:
        assert spent <= 60.0 * 0.1 + 1.0 + look_seconds
    assert Attention(clock).pause_seconds() == 0.0


def test_a_pause_has_an_end_however_long_a_look_takes(clock):
    """A checkpoint may come right after the longest look."""
    attention = Attention(clock)
    attention.began()
    clock.advance(100.0)
    attention.ended(in_vain=True)
    assert 0.0 < attention.pause_seconds() <= 0.5


def test_a_burst_of_saves_is_followed_at_once(clock):
    """Between two saves most looks find nothing new: each that does makes up for them."""
    attention = Attention(clock)
    for _ in range(2000):
        for in_vain in (True, True, True, False):
            attention.began()
            clock.advance(0.0009)
            attention.ended(in_vain=in_vain)
            assert attention.pause_seconds() == 0.0


def test_attention_comes_back_with_time(clock):
    """After a quiet minute a burst is followed at once again."""
    attention = Attention(clock)
    looks(attention, clock, seconds=0.01, in_vain=True, events_every=0.001)
    assert attention.pause_seconds() > 0.0
    clock.advance(60.0)
    attention.began()
    attention.ended(in_vain=True)
    assert attention.pause_seconds() == 0.0
