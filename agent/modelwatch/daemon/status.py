"""What an agent has seen and done, read from its journal by anybody at any time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from modelwatch.core.clock import Clock
from modelwatch.core.json import JsonValue
from modelwatch.daemon.state_folder import is_held, journal_path
from modelwatch.journal.journal import Journal
from modelwatch.journal.rows import CandidateRow, Delivery


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
        candidates: Every checkpoint seen, oldest first.
        deliveries: Every registration and amendment, oldest first.
        skipped: Entries of the model path that are not looked at, as (path, reason).
        log_problems: Event files that cannot be read or are damaged, as (path, reason).
    """

    folder: Path
    running: bool
    agent: Mapping[str, JsonValue]
    waiting: str | None
    short_of_room: Mapping[str, JsonValue] | None
    candidates: tuple[CandidateRow, ...]
    deliveries: tuple[Delivery, ...]
    skipped: tuple[tuple[str, str], ...]
    log_problems: tuple[tuple[str, str], ...]

    def by_state(self) -> Counter[str]:
        """Return how many checkpoints are in each state."""
        return Counter(row.state.value for row in self.candidates)

    def last_error(self) -> str:
        """Return the error of the latest failed delivery that has not arrived since, or an empty string."""
        failed = [delivery for delivery in self.deliveries if delivery.last_error]
        return max(failed, key=lambda delivery: delivery.moved).last_error if failed else ""


def read_status(folder: Path, clock: Clock) -> Status:
    """
    Read the status of a state folder. Changes nothing.

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
            candidates=tuple(journal.candidates()),
            deliveries=tuple(journal.deliveries()),
            skipped=tuple((path, reason) for path, reason in journal.fact("skipped") or ()),
            log_problems=tuple((path, reason) for path, reason in journal.fact("log_problems") or ()),
        )
