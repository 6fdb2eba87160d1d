"""What the journal's rows mean: values out of rows, and the text of what a column holds."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from modelwatch.core.entities import Amendment, Receipt, Registration
from modelwatch.core.json import dumps, loads
from modelwatch.core.tree import FileStat
from modelwatch.journal.states import CandidateState, DeliveryState
from modelwatch.journal.trail import Members


@dataclass(frozen=True, slots=True)
class CandidateRow:
    """A candidate as the journal holds it; see `Trail` and schema.sql for the fields."""

    id: int
    format: str
    root: str
    state: CandidateState
    reason: str
    members: Members
    step: int | None
    epoch: int | None
    registration: str | None
    seen: float
    moved: float


@dataclass(frozen=True, slots=True)
class Delivery:
    """
    One registration or amendment on its way to one sink.

    Attributes:
        id: In the journal.
        sink: Name of the sink.
        registration: What the version is; of an amendment, the registration that it amends.
        amendment: None for the registration itself.
        snapshot: Id of the snapshot that holds the files, or None.
        base: Folder in the snapshot that the manifest's paths are relative to.
        state: Where it is.
        attempts: How often it was tried.
        not_before: Seconds since the epoch; not tried earlier.
        last_error: Of the last attempt.
        receipt: Once delivered.
        moved: Seconds since the epoch of the last move.
    """

    id: int
    sink: str
    registration: Registration
    amendment: Amendment | None
    snapshot: str | None
    base: str
    state: DeliveryState
    attempts: int
    not_before: float
    last_error: str
    receipt: Receipt | None
    moved: float


def members_text(members: Members) -> str:
    """Return the text of a candidate's files: what `members_of` reads."""
    return dumps([[member.path, member.size, member.mtime_ns, member.inode] for member in members])


def members_of(text: str) -> Members:
    """Undo `members_text`."""
    return tuple(FileStat(*member) for member in loads(text))


def candidate_of(row: sqlite3.Row) -> CandidateRow:
    """Return a row of `candidates` as a value."""
    return CandidateRow(
        id=row["id"],
        format=row["format"],
        root=loads(row["root"]),
        state=CandidateState(row["state"]),
        reason=row["reason"],
        members=members_of(row["members"]),
        step=row["step"],
        epoch=row["epoch"],
        registration=row["registration"],
        seen=row["seen"],
        moved=row["moved"],
    )


def delivery_of(row: sqlite3.Row) -> Delivery:
    """Return a row of `deliveries` and its registration, named as `Journal` asks for them, as a value."""
    return Delivery(
        id=row["id"],
        sink=row["sink"],
        registration=Registration.from_json(loads(row["registration"])),
        amendment=None if row["amendment"] is None else Amendment.from_json(loads(row["amendment"])),
        snapshot=row["snapshot"],
        base=loads(row["base"]),
        state=DeliveryState(row["state"]),
        attempts=row["attempts"],
        not_before=row["not_before"],
        last_error=row["last_error"],
        receipt=None if row["receipt"] is None else Receipt.from_json(loads(row["receipt"])),
        moved=row["moved"],
    )
