"""What a hint is, and what every source of hints answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Hint:
    """
    Where something may have changed. A hint may be late, or about nothing; the scan decides what is there. False when it names nothing.

    Attributes:
        directories: Paths relative to the model path, empty for the model path itself. They may be gone, or not be in the tree yet.
        everything: Look everywhere: changes were missed, or nobody can tell.
    """

    directories: frozenset[str] = frozenset()
    everything: bool = False

    def __bool__(self) -> bool:
        return self.everything or bool(self.directories)


class Hints(Protocol):
    """One source of hints about one model path. What was there when it was opened is not hinted at: scan after opening."""

    def wait(self, timeout_seconds: float) -> Hint:
        """
        Return what has come since the last call, all in one; wait for the first at most `timeout_seconds`. One thread.

        A call that `wake` has ended returns what there is, which may be nothing.
        """

    def wake(self) -> None:
        """End the wait that is going on, or else the next one. Any thread; nothing happens after `close`."""

    def close(self) -> None:
        """Let go of what is open; a second call does nothing. The thread that waits."""
