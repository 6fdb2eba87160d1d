"""What every way to learn that training has ended answers."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Protocol


class Ending(Protocol):
    """One way to learn that training has ended."""

    def start(self, on_end: Callable[[str], None]) -> None:
        """Begin to wait; `on_end` is called at most once, from another thread, with the reason for people. Called once."""

    def close(self) -> None:
        """Stop waiting: `on_end` is not called any more once this has returned. A second call does nothing. Not from within `on_end`."""


class Sign(Protocol):
    """
    Something that a sidecar looks at every now and then, and that tells that training has ended.

    It tells what is, not what has happened: a sidecar that is started again after the end sees the end, too. One thread.
    """

    def look(self) -> str | None:
        """Return why training has ended, for people, or None while nothing says so. Never waits; what cannot be read is None."""

    def descriptors(self) -> Collection[int]:
        """Return open files that become readable when another look is worth it at once."""

    def close(self) -> None:
        """Let go of what is open; a second call does nothing."""
