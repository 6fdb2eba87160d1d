"""
Whether there is room for another snapshot (docs/adr/0020-snapshot-budget.md).

What is undelivered is kept, and nothing new is taken until it has gone: of two checkpoints the older is safe already, and would be given up for
one that may have the same fate. One snapshot is always allowed, whatever its size, or a large checkpoint could never be registered.
"""

from __future__ import annotations

from modelwatch.core.sizes import size_in_words
from modelwatch.snapshot.store import SnapshotStore


def fits(budget_bytes: int, held_bytes: int, new_bytes: int) -> bool:
    """Return whether a snapshot may be begun beside those that hold `held_bytes`."""
    return held_bytes == 0 or held_bytes + new_bytes <= budget_bytes


class Room:
    """
    The budget of one agent's snapshots. Belongs to the watcher thread.

    Args:
        snapshots: What counts against it.

        budget_bytes: The most that they may hold.

    Attributes:
        budget_bytes: As given.
    """

    def __init__(self, snapshots: SnapshotStore, budget_bytes: int) -> None:
        self.budget_bytes = budget_bytes
        self._snapshots = snapshots
        self._most_bytes: int | None = None  # no less than all snapshots' files have; None: not counted yet

    @property
    def reason(self) -> str:
        """Why there is no room, for people."""
        return f"the snapshot budget of {size_in_words(self.budget_bytes)} is used up"

    def admits(self, new_bytes: int) -> bool:
        """
        Return whether a snapshot of so many bytes may be begun, and count it as begun.

        The snapshots are counted on disk only when those begun since the last count might have used the budget up.
        """
        if self._most_bytes is None or not fits(self.budget_bytes, self._most_bytes, new_bytes):
            held = self._snapshots.held()
            self._most_bytes = held.apparent_bytes
            if not fits(self.budget_bytes, held.added_bytes, new_bytes):
                return False
        self._most_bytes += new_bytes
        return True
