"""What was deleted and can be restored still."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass

from modelwatch.repository.events import VersionDeleted
from modelwatch.repository.folding import Itself, Subject
from modelwatch.repository.index.answers import Deleted
from modelwatch.repository.index.outside import text_of
from modelwatch.repository.index.rows import events_about
from modelwatch.repository.layout import Place, decode_name
from modelwatch.repository.reading import parse_document

_NOT_SHOWN = """
    SELECT d.number, d.key FROM subjects s JOIN documents d ON d.place = s.place AND d.key = s.key
    WHERE s.place = ? AND NOT EXISTS (SELECT 1 FROM versions v WHERE v.place = d.place AND v.number = d.number)
    AND NOT EXISTS (SELECT 1 FROM documents e WHERE e.place = d.place AND e.key = d.key AND e.number < d.number)
    ORDER BY d.number
"""
"""Versions of a model that are not shown, each by the number that counts. Every one that was deleted is a subject: of that event."""


@dataclass(frozen=True, slots=True)
class _Gone:
    """A version that was deleted."""

    number: int
    deletion: VersionDeleted


def deleted(connection: sqlite3.Connection, team: bytes, repository_id: str, now: float) -> tuple[Deleted, ...]:
    """
    Return what of a team's was deleted and is kept at a time, the latest deletion first.

    Args:
        connection: To the index.

        team: Its name, encoded.

        repository_id: The repository's.

        now: Seconds since the epoch.
    """
    places = connection.execute("SELECT id, model, floor FROM places WHERE team = ?", (team,)).fetchall()
    found = [
        entry
        for place_id, model, floor in places
        for entry in _of_model(connection, place_id, Place(text_of(team), text_of(model)), floor, repository_id)
    ]
    return tuple(sorted((entry for entry in found if entry.keep_until > now), key=lambda entry: (-entry.deleted, entry.model)))


def _of_model(connection: sqlite3.Connection, place_id: int, place: Place, floor: int, repository_id: str) -> Iterator[Deleted]:
    gone = list(_gone(connection, place_id))
    if not gone:
        return
    itself = Itself.of(events_about(connection, place_id, None))
    model_id = place.model_id(repository_id)
    name = itself.name or decode_name(place.model_part) or _registered_name(connection, place_id, place, gone[-1].number)
    for one in gone:
        if one.number > floor:
            yield Deleted(model_id, name, one.number, 1, one.deletion.time, one.deletion.keep_until)
    latest = next((deletion for deletion in itself.deletions if deletion.through == floor), None)
    if latest is not None:
        below = max((deletion.through for deletion in itself.deletions if deletion.through < floor), default=0)
        taken_along = sum(below < one.number <= floor and one.deletion.with_model for one in gone)
        yield Deleted(model_id, name, None, taken_along, latest.time, latest.keep_until)


def _gone(connection: sqlite3.Connection, place_id: int) -> Iterator[_Gone]:
    for number, key in connection.execute(_NOT_SHOWN, (place_id,)).fetchall():
        subject = Subject()
        for event in events_about(connection, place_id, key):
            subject = subject.after(event)
        if subject.deletion is not None:
            yield _Gone(number, subject.deletion)


def _registered_name(connection: sqlite3.Connection, place_id: int, place: Place, number: int) -> str:
    """Return the name that a version was registered under, for a place whose own is cut."""
    [(body,)] = connection.execute("SELECT body FROM documents WHERE place = ? AND number = ?", (place_id, number))
    return str(parse_document(place.version(number), body).registration.model)
