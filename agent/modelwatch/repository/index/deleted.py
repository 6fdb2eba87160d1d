"""What was deleted and can be restored still."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

from modelwatch.repository.deleted import Deleted, latest_first, restorable
from modelwatch.repository.events import VersionDeleted
from modelwatch.repository.folding import Itself, Subject, standing_deletions
from modelwatch.repository.index.outside import text_of
from modelwatch.repository.index.rows import events_about, named_events_about
from modelwatch.repository.layout import Place, decode_name
from modelwatch.repository.reading import parse_document

_NOT_SHOWN = """
    SELECT d.number, d.key FROM subjects s JOIN documents d ON d.place = s.place AND d.key = s.key
    WHERE s.place = ? AND NOT EXISTS (SELECT 1 FROM versions v WHERE v.place = d.place AND v.number = d.number)
    AND NOT EXISTS (SELECT 1 FROM documents e WHERE e.place = d.place AND e.key = d.key AND e.number < d.number)
    ORDER BY d.number
"""
"""Versions of a model that are not shown, each by the number that counts. Every one that was deleted is a subject: of that event."""


def deleted(connection: sqlite3.Connection, team: bytes, repository_id: str, now: float) -> tuple[Deleted, ...]:
    """
    Return what of a team's was deleted and is kept at a time, the latest deletion first.

    Args:
        connection: To the index.

        team: Its name, encoded.

        repository_id: The repository's.

        now: Seconds since the epoch.
    """
    places = connection.execute("SELECT id, model FROM places WHERE team = ?", (team,)).fetchall()
    found = [
        entry
        for place_id, model in places
        for entry in _of_model(connection, place_id, Place(text_of(team), text_of(model)), repository_id, now)
    ]
    return latest_first(found)


def latest_deletion(connection: sqlite3.Connection, place_id: int) -> str:
    """Return the name of the latest event that deleted a model and was not taken back, empty when there is none."""
    events = named_events_about(connection, place_id, None)
    return max((events[index][0] for index in standing_deletions([event for _, event in events])), default="")


def _of_model(connection: sqlite3.Connection, place_id: int, place: Place, repository_id: str, now: float) -> Iterator[Deleted]:
    gone = _gone(connection, place_id)
    if gone:
        itself = Itself.of(events_about(connection, place_id, None))
        name = itself.name or decode_name(place.model_part) or _registered_name(connection, place_id, place, max(gone))
        yield from restorable(place.model_id(repository_id), name, itself, gone, now)


def _gone(connection: sqlite3.Connection, place_id: int) -> dict[int, VersionDeleted]:
    found: dict[int, VersionDeleted] = {}
    for number, key in connection.execute(_NOT_SHOWN, (place_id,)).fetchall():
        subject = Subject()
        for event in events_about(connection, place_id, key):
            subject = subject.after(event)
        if subject.deletion is not None:
            found[number] = subject.deletion
    return found


def _registered_name(connection: sqlite3.Connection, place_id: int, place: Place, number: int) -> str:
    """Return the name that a version was registered under, for a place whose own is cut."""
    [(body,)] = connection.execute("SELECT body FROM documents WHERE place = ? AND number = ?", (place_id, number))
    return str(parse_document(place.version(number), body).registration.model)
