"""
Named points that work passes, for tests that stop the program there.

Production code calls `reached("snapshot.sealed")` after each step whose loss would matter. It does nothing unless a test has
replaced `observer`: the fault tests kill the process at each name in turn and start it again.
"""

from __future__ import annotations

from collections.abc import Callable


def _ignore(_name: str) -> None:
    """Do nothing: nobody observes the steps in production."""


observer: Callable[[str], None] = _ignore


def reached(name: str) -> None:
    """Tell the observer that the step `name` has been completed."""
    observer(name)
