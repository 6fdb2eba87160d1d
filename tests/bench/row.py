"""One line of the table that `make bench` prints."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """
    A measurement and what it is held against.

    Attributes:
        name: What was measured, in a few words.
        value: The figure.
        unit: Its unit: ``MiB``, ``ms``, ``×``, ``of 200``, …
        budget: The limit as people read it, for example ``≤ 40``; empty when there is none.
        ok: Whether the budget is kept; None when there is none.
        note: How it was measured, or the peer's figure in the same run.
    """

    name: str
    value: float
    unit: str
    budget: str = ""
    ok: bool | None = None
    note: str = ""
