"""The history of one candidate on its way to the journal."""

from __future__ import annotations

from dataclasses import dataclass, field

from modelwatch.core.tree import FileStat
from modelwatch.journal.states import CandidateState, transition

Members = tuple[FileStat, ...]


@dataclass(frozen=True, slots=True)
class Move:
    """
    One step of a candidate's state machine that is not yet in the journal.

    Attributes:
        state: Where it went.
        at: Seconds since the epoch.
        reason: Why, for people.
    """

    state: CandidateState
    at: float
    reason: str = ""


@dataclass(slots=True)
class Trail:
    """
    One generation of a candidate, as the journal will show it. Mutable, owned by one thread at a time.

    The moves before JOURNALLED tell people what happens; losing them in a crash loses nothing else. So they are collected here and
    written together, and a burst of checkpoints costs no disk write before each is safe.

    Attributes:
        format: The format's name.
        root: The candidate's root.
        members: The files as last judged.
        state: The latest state, None before the first move.
        row: The candidate's id in the journal once a move was written.
        pending: Moves not yet written.
        step: Known once the checkpoint was judged complete.
        epoch: As `step`.
    """

    format: str
    root: str
    members: Members
    state: CandidateState | None = None
    row: int | None = None
    pending: list[Move] = field(default_factory=list)
    step: int | None = None
    epoch: int | None = None

    def move(self, state: CandidateState, at: float, reason: str = "") -> None:
        """
        Go to `state`. Raise MoveError if the state machine has no such move.

        A detour that comes back to SEEN before it was written is not written: a file that is appended to all day would fill the journal.
        """
        self.state = state if self.state is None else transition(self.state, state)
        if state is CandidateState.SEEN:
            before = next((index for index, move in enumerate(self.pending) if move.state is state), len(self.pending))
            del self.pending[before:]
        self.pending.append(Move(state, at, reason))

    def explain(self, at: float, reason: str) -> None:
        """Say why it stays where it is; the same reason twice is said once."""
        if self.state is not None and (not self.pending or self.pending[-1].reason != reason):
            self.pending.append(Move(self.state, at, reason))
