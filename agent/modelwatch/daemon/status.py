"""What an agent has seen and done, read from its journal by anybody at any time."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from modelwatch.core.clock import Clock
from modelwatch.core.json import JsonValue
from modelwatch.daemon.state_folder import is_held, journal_path
from modelwatch.journal.figures import Figures
from modelwatch.journal.journal import NO_LIMIT, Journal
from modelwatch.journal.rows import CandidateRow, Delivery
from modelwatch.journal.states import CandidateState


@dataclass(frozen=True, slots=True)
class Status:
    """
    The journal's content for people.

    Attributes:
        folder: The state folder.
        running: Whether an agent holds it now.
        agent: What the latest agent said of itself: state, pid, since, why.
        waiting: Why nothing can be watched now, or None.
        short_of_room: Why nothing is copied and how many checkpoints wait for it, as ``why`` and ``waiting``, or None.
        figures: How many of everything there are.
        candidates: The latest checkpoints seen, oldest first.
        deliveries: The latest registrations and amendments, oldest first.
        skipped: Entries of the model path that are not looked at, as (path, reason).
        log_problems: Event files that cannot be read or are damaged, as (path, reason).
    """

    folder: Path
    running: bool
    agent: Mapping[str, JsonValue]
    waiting: str | None
    short_of_room: Mapping[str, JsonValue] | None
    figures: Figures
    candidates: tuple[CandidateRow, ...]
    deliveries: tuple[Delivery, ...]
    skipped: tuple[tuple[str, str], ...]
    log_problems: tuple[tuple[str, str], ...]


def read_status(
    folder: Path, clock: Clock, *, states: Collection[CandidateState] = tuple(CandidateState), limit: int = NO_LIMIT
) -> Status:
    """
    Read the status of a state folder. Changes nothing.

    Args:
        folder: The state folder.

        clock: For nothing that is written.

        states: Only checkpoints that are in one of these are listed; all of them count.

        limit: The most checkpoints and the most deliveries that are listed.

    Raises:
        StateError: There is no journal, or it cannot be read.
    """
    with Journal(journal_path(folder), clock, create=False) as journal:
        waiting = journal.fact("waiting")
        return Status(
            folder=folder,
            running=is_held(folder),
            agent=journal.fact("agent") or {},
            waiting=None if waiting is None else str(waiting["why"]),
            short_of_room=journal.fact("short_of_room"),
            figures=journal.figures(),
            candidates=tuple(journal.candidates(states, limit=limit)),
            deliveries=tuple(journal.deliveries(limit=limit)),
            skipped=tuple((path, reason) for path, reason in journal.fact("skipped") or ()),
            log_problems=tuple((path, reason) for path, reason in journal.fact("log_problems") or ()),
        )
