"""
The two state machines that the journal keeps.

    candidate  SEEN → SETTLING → COMPLETE → SNAPSHOTTED → JOURNALLED
               any of them before JOURNALLED → CHANGED (written to meanwhile) → SEEN, → FOREIGN, → GONE (with the reason)

    delivery   PENDING → SENDING → DELIVERED
               SENDING → PENDING (later, with the error) or REJECTED (kept; `modelwatch journal retry` makes it PENDING)

The same moves are rows of the journal's `moves` table, where triggers enforce them.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping


class CandidateState(enum.Enum):
    """What became of one generation of a checkpoint."""

    SEEN = "SEEN"
    SETTLING = "SETTLING"
    COMPLETE = "COMPLETE"
    SNAPSHOTTED = "SNAPSHOTTED"
    JOURNALLED = "JOURNALLED"
    CHANGED = "CHANGED"
    FOREIGN = "FOREIGN"
    GONE = "GONE"


class DeliveryState(enum.Enum):
    """What became of one registration or amendment at one sink."""

    PENDING = "PENDING"
    SENDING = "SENDING"
    DELIVERED = "DELIVERED"
    REJECTED = "REJECTED"


_C = CandidateState
_D = DeliveryState

CANDIDATE_MOVES: Mapping[CandidateState, frozenset[CandidateState]] = {
    _C.SEEN: frozenset({_C.SETTLING, _C.CHANGED, _C.FOREIGN, _C.GONE}),
    _C.SETTLING: frozenset({_C.COMPLETE, _C.CHANGED, _C.FOREIGN, _C.GONE}),
    _C.COMPLETE: frozenset({_C.SNAPSHOTTED, _C.CHANGED, _C.GONE}),
    _C.SNAPSHOTTED: frozenset({_C.JOURNALLED, _C.CHANGED, _C.GONE}),
    _C.CHANGED: frozenset({_C.SEEN}),
    _C.FOREIGN: frozenset({_C.CHANGED, _C.GONE}),
    _C.JOURNALLED: frozenset(),
    _C.GONE: frozenset(),
}

DELIVERY_MOVES: Mapping[DeliveryState, frozenset[DeliveryState]] = {
    _D.PENDING: frozenset({_D.SENDING}),
    _D.SENDING: frozenset({_D.DELIVERED, _D.PENDING, _D.REJECTED}),
    _D.REJECTED: frozenset({_D.PENDING}),
    _D.DELIVERED: frozenset(),
}


class MoveError(Exception):
    """A move that the state machine does not have: a mistake in the program."""


def transition(old: CandidateState, new: CandidateState) -> CandidateState:
    """Return `new`. Raise MoveError when a candidate cannot go there from `old`."""
    if new not in CANDIDATE_MOVES[old]:
        raise MoveError(f"candidate: {old.value} → {new.value}")
    return new


def all_moves() -> list[tuple[str, str, str]]:
    """Return every allowed move as (machine, from, to): the rows of the journal's `moves` table."""
    rows = [("candidate", old.value, new.value) for old, news in CANDIDATE_MOVES.items() for new in news]
    rows += [("delivery", old.value, new.value) for old, news in DELIVERY_MOVES.items() for new in news]
    return sorted(rows)
