"""What every way to learn that training has ended answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol


class Ending(Protocol):
    """One way to learn that training has ended."""

    def start(self, on_end: Callable[[str], None]) -> None:
        """Begin to wait; `on_end` is called at most once, from another thread, with the reason for people. Called once."""

    def close(self) -> None:
        """Stop waiting: `on_end` is not called any more once this has returned. A second call does nothing. Not from within `on_end`."""
