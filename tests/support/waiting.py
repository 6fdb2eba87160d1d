"""Waiting for something to happen, with a limit: the only place of the tests that sleeps."""

import time
from collections.abc import Callable
from typing import TypeVar

Result = TypeVar("Result")


def wait_until(predicate: Callable[[], Result], timeout_seconds: float = 30.0) -> Result:
    """
    Call `predicate` until what it returns is true, and return that.

    Raises:
        AssertionError: It did not become true in time. The limit is generous: it is there for what never happens, not for what is slow.
    """
    deadline = time.monotonic() + timeout_seconds
    while not (result := predicate()):
        assert time.monotonic() < deadline, f"not true within {timeout_seconds} s: {predicate}"
        time.sleep(0.005)
    return result
