"""How much of a disk the snapshots may take."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal

_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12, "ki": 2**10, "mi": 2**20, "gi": 2**30, "ti": 2**40}
_AMOUNT = re.compile(r"(?P<number>[0-9]{1,18}(?:\.[0-9]{1,6})?)\s*(?:(?P<percent>%)|(?P<unit>(?:[kmgt]i?)?)b?)", re.IGNORECASE)
_WRONG = "is not a size: write 10GB, 512MiB or 20%"


@dataclass(frozen=True, slots=True)
class SnapshotBudget:
    """
    A size, or a share of what is free.

    Attributes:
        size_bytes: The size; None for a share.
        share: Above 0 and at most 1; counts only without a size.
    """

    size_bytes: int | None = None
    share: float = 1.0

    def __str__(self) -> str:
        return f"{self.share * 100:g}%" if self.size_bytes is None else f"{self.size_bytes}B"

    def limit_bytes(self, *, free_bytes: int, held_bytes: int) -> int:
        """
        Return the most bytes that snapshots may hold.

        Args:
            free_bytes: On their file system now.

            held_bytes: What they hold already: it would be free without them, so that an agent that starts again has the same limit.
        """
        return self.size_bytes if self.size_bytes is not None else int((free_bytes + held_bytes) * self.share)


DEFAULT = SnapshotBudget(share=0.5)


def snapshot_budget(text: str) -> SnapshotBudget:
    """Return the budget that a text names. Raise ValueError with what is wrong."""
    match = _AMOUNT.fullmatch(text.strip())
    if not match:
        raise ValueError(_WRONG)
    number = Decimal(match["number"])
    if match["percent"]:
        if not 0 < number <= 100:
            raise ValueError("is not a share: write more than 0% and at most 100%")
        return SnapshotBudget(share=float(number) / 100)
    size = int(number * _UNITS[match["unit"].lower()])
    if size == 0:
        raise ValueError(f"{_WRONG}; one checkpoint is always taken, so 1B stands for one at a time")
    return SnapshotBudget(size)
