"""What passes through the intake: a candidate being followed, one that is handed over, and the answer to it."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from modelwatch.core.entities import Candidate, Checkpoint, Verdict, VerdictKind
from modelwatch.formats.base import Format
from modelwatch.journal.states import CandidateState
from modelwatch.journal.trail import Trail
from modelwatch.snapshot.store import Pin

Key = tuple[str, str]
"""(format name, candidate root): one checkpoint name in the model path."""


@dataclass(frozen=True, slots=True)
class Pinned:
    """
    A candidate on its way to the registrar.

    Attributes:
        format: Its format.
        candidate: As it was when pinned.
        pin: Our copy of its files; None when the repository only refers to them.
        trail: Its history, owned by the registrar from now on.
        order_forgiven: Accept modification times in an order that no writer leaves.
    """

    format: Format
    candidate: Candidate
    pin: Pin | None
    trail: Trail
    order_forgiven: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """
    The registrar's answer to a `Pinned`.

    Attributes:
        pinned: What it is about.
        refusal: None when it was journalled, else why it was not.
    """

    pinned: Pinned
    refusal: str | None = None


@dataclass(frozen=True, slots=True)
class Unfinished:
    """
    A checkpoint that is in the model path and did not become a version.

    Attributes:
        root: Its name there.
        reason: Why, for people.
        late: It is complete, and only the time was too short.
    """

    root: str
    reason: str
    late: bool


@dataclass(slots=True)
class Work:
    """One candidate between its first sight and its hand-over."""

    format: Format
    candidate: Candidate
    trail: Trail
    unchanged_since: float  # monotonic seconds
    verdict: Verdict | None = None  # of the shallow check; None: to be judged
    pin: Pin | None = None
    pinned_at: float | None = None  # monotonic seconds when the last member was pinned; None: not whole
    retry_at: float | None = None  # monotonic seconds; set after a copy failed
    failures: int = 0
    order_forgiven: bool = False
    held_back: bool = False  # whole, and not copied for want of room; `pin` is None then

    @property
    def is_pinned(self) -> bool:
        """Whether all of it is in our own copy."""
        return self.pinned_at is not None

    @property
    def waits_for_room(self) -> bool:
        """Whether it is whole and only room for its copy is missing."""
        return self.held_back and self.verdict is not None and self.verdict.kind is VerdictKind.COMPLETE

    @property
    def checkpoint(self) -> Checkpoint | None:
        """What the shallow check found, or None."""
        return None if self.verdict is None else self.verdict.checkpoint


class Phase(enum.Enum):
    """How patient the intake is."""

    WATCHING = "watching"
    FINISHING = "finishing"
    """Training has ended: nobody writes any more, a short wait is enough."""


@dataclass(frozen=True, slots=True)
class Patience:
    """
    How long files must be unchanged.

    Attributes:
        settle_seconds: For a format whose structure says that it is whole.
        quiet_seconds: For files that say nothing about themselves.
        finish_seconds: Instead of either, once training has ended.
    """

    settle_seconds: float = 2.0
    quiet_seconds: float = 10.0
    finish_seconds: float = 0.5


def back_to_seen(trail: Trail, at: float, reason: str = "") -> None:
    """Move a trail that had come further back to SEEN, through CHANGED."""
    if trail.state is not CandidateState.SEEN:
        trail.move(CandidateState.CHANGED, at, reason)
        trail.move(CandidateState.SEEN, at, reason)
