"""Slowing down who guesses, with a clock that only the test moves."""

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelwatch.server.accounts.throttle import Pace, Refused, Throttle, network_of
from modelwatch.testing.clock import FakeClock

ANNA, HOME = ("name", "anna"), ("address", "192.0.2.1")
PACES = {"name": Pace(free=3, first_seconds=1.0, longest_seconds=10.0), "address": Pace(free=6, longest_seconds=100.0)}


@pytest.fixture
def clock():
    """A clock that stands still."""
    return FakeClock()


@pytest.fixture
def throttle(clock):
    """A throttle that lets three fail for a name and six for an address."""
    return Throttle(clock, PACES)


def fail(throttle, *subjects, times=1):
    """Attempt and fail."""
    for _ in range(times):
        assert throttle.attempt(subjects) is None


def test_waits_begin_after_some_failures_and_double_up_to_a_limit(throttle, clock):
    """Three are free; then one second, two, four, eight, and ten from then on."""
    fail(throttle, ANNA, times=3)
    for seconds in (1.0, 2.0, 4.0, 8.0, 10.0, 10.0):
        assert throttle.attempt([ANNA]) == Refused(seconds)
        clock.advance(seconds - 0.25)
        assert throttle.attempt([ANNA]) == Refused(0.25)
        clock.advance(0.25)
        fail(throttle, ANNA)


def test_an_attempt_that_is_refused_does_not_count(throttle, clock):
    """Knocking during the wait does not prolong it."""
    fail(throttle, ANNA, times=3)
    for _ in range(50):
        assert throttle.attempt([ANNA]) == Refused(1.0)
    clock.advance(1.0)
    assert throttle.attempt([ANNA]) is None


def test_the_longest_wait_of_all_subjects_is_told_and_the_others_are_not_charged(throttle):
    """An address that tries one name after the other waits for its own failures, and a name that must wait spares the address."""
    fail(throttle, ANNA, HOME, times=3)
    assert throttle.attempt([ANNA, HOME]) == Refused(1.0)
    for name in ("ben", "cy", "dan"):
        fail(throttle, ("name", name), HOME)
    assert throttle.attempt([("name", "eve"), HOME]) == Refused(1.0)


def test_being_right_forgives_the_name_and_takes_one_back_from_the_address(throttle):
    """Somebody who knows one password cannot use it to guess at others without end."""
    fail(throttle, ANNA, HOME, times=2)
    fail(throttle, ANNA, HOME)
    throttle.forgive(ANNA)
    throttle.take_back(HOME)
    fail(throttle, ANNA, times=3)
    fail(throttle, HOME, times=4)
    assert throttle.attempt([HOME]) == Refused(1.0)


def test_failures_are_forgotten_after_a_quiet_hour(throttle, clock):
    """Yesterday's typing errors make nobody wait."""
    fail(throttle, ANNA, times=3)
    clock.advance(3600.0)
    fail(throttle, ANNA, times=3)
    assert throttle.attempt([ANNA]) == Refused(1.0)


def test_attempts_at_the_same_time_are_not_all_the_first(throttle):
    """Of many that begin before any has failed only the free ones are let in."""
    gate, let_in = threading.Barrier(20), []

    def attempt():
        gate.wait()
        let_in.append(throttle.attempt([ANNA]) is None)

    threads = [threading.Thread(target=attempt) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert let_in.count(True) == 3


@given(st.lists(st.integers(0, 50), max_size=200))
def test_what_is_remembered_is_bounded(names):
    """However many subjects fail, no more than the limit are remembered, and those are the ones that failed last."""
    throttle = Throttle(FakeClock(), {"name": Pace(free=1000)}, most=8)
    for name in names:
        throttle.attempt([("name", str(name))])
    latest = list(dict.fromkeys(str(name) for name in reversed(names)))[:8]
    assert [subject[1] for subject in reversed(throttle._failures)] == latest


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::1", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
        ("testclient", "testclient"),
    ],
)
def test_a_customer_is_one_address(address, network):
    """Who has 2⁶⁴ addresses of IPv6 gets no more attempts than who has one of IPv4."""
    assert network_of(address) == network
