"""What every ending answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol


class Ending(Protocol):
    """One way to learn that training has ended."""

    def start(self, on_end: Callable[[str], None]) -> None:
        """Begin to wait; `on_end` is called once, with the reason for people, from another thread."""

    def close(self) -> None:
        """Stop waiting; a second call does nothing."""
