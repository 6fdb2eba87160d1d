"""Rows of the index as the entities that they were written from."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Final

from modelwatch.core.entities import Metric, ModelVersion
from modelwatch.core.json import decode_float, loads
from modelwatch.repository.events import Event
from modelwatch.repository.index.answers import Alias, IndexedModel, IndexedVersion
from modelwatch.repository.index.outside import data, text_of
from modelwatch.repository.layout import Place
from modelwatch.repository.reading import parse_document, parse_event
from modelwatch.repository.view import LATEST

BEST_ALIAS: Final = "best"
"""Set by hand, it names the best version whatever the metrics say."""

_MOST_DIGITS: Final = 18  # that SQLite can hold; numbers of versions have fewer


def find_model(connection: sqlite3.Connection, place: Place, identifier: str) -> sqlite3.Row | None:
    """Return the row of the model at a place, or else of the model of the same team with this id, or None."""
    team = data(place.team_part)
    row: sqlite3.Row | None = connection.execute(
        "SELECT m.* FROM places p JOIN models m ON m.place = p.id WHERE p.team = ? AND p.model = ?", (team, data(place.model_part))
    ).fetchone()
    if row is None and identifier.isascii():
        row = connection.execute("SELECT * FROM models WHERE team = ? AND id = ?", (team, identifier)).fetchone()
    return row


def events_about(connection: sqlite3.Connection, place_id: int, key: bytes | None) -> list[Event]:
    """Return the events about a version, by its registration's key, or with None about the model itself, in their order."""
    rows = connection.execute(
        "SELECT name, body FROM events WHERE place = ? AND subject IS ? AND body IS NOT NULL ORDER BY name", (place_id, key)
    )
    return [event for name, body in rows if (event := parse_event(name, body)) is not None]


def models_at(connection: sqlite3.Connection, places: Sequence[int]) -> tuple[IndexedModel, ...]:
    """Return models by the rows of their places, in that order."""
    return tuple(_model(connection, place) for place in places)


def _model(connection: sqlite3.Connection, place: int) -> IndexedModel:
    [row] = connection.execute("SELECT * FROM models WHERE place = ?", (place,))
    body = loads(row["body"])
    aliases = aliases_of(connection, place)
    best = best_number(connection, row, aliases)
    shown = {number: version_at(connection, place, number) for number in {row["number"], best} if number is not None}
    return IndexedModel(
        id=row["id"],
        team=body["team"],
        name=body["name"],
        created=decode_float(body["created"]),
        modified=decode_float(body["modified"]),
        tags=tuple(body["tags"]),
        notes=body["notes"],
        summary=body["summary"],
        public=bool(row["public"]),
        versions=row["versions"],
        size=int(row["size"]),
        latest=shown.get(row["number"]),
        best=shown.get(best),
        aliases=aliases,
    )


def aliases_of(connection: sqlite3.Connection, place: int) -> tuple[Alias, ...]:
    """Return a model's aliases, sorted by name."""
    rows = connection.execute("SELECT name, number FROM aliases WHERE place = ?", (place,))
    return tuple(sorted((Alias(text_of(row["name"]), row["number"]) for row in rows), key=lambda alias: alias.name))


def best_number(connection: sqlite3.Connection, model: sqlite3.Row, aliases: Iterable[Alias]) -> int | None:
    """Return the number of a model's best version: what its alias says, when that is live, or its metrics."""
    for alias in aliases:
        if alias.name == BEST_ALIAS and is_live(connection, model["place"], alias.number):
            return alias.number
    best: int | None = model["best"]
    return best


def number_of(connection: sqlite3.Connection, model: sqlite3.Row, wanted: str) -> int | None:
    """Return the number of the live version that a number, ``latest``, ``best`` or an alias names, or None."""
    number: int | None
    if wanted == LATEST:
        number = model["number"]
    elif wanted == BEST_ALIAS:
        number = best_number(connection, model, aliases_of(connection, model["place"]))
    elif wanted.isascii() and wanted.isdigit():
        number = int(wanted) if len(wanted) <= _MOST_DIGITS else None
    else:
        number = _number_called(connection, model["place"], wanted)
    return number if number is not None and is_live(connection, model["place"], number) else None


def _number_called(connection: sqlite3.Connection, place: int, alias: str) -> int | None:
    if not alias:
        return None
    row = connection.execute("SELECT number FROM aliases WHERE place = ? AND name = ?", (place, data(alias))).fetchone()
    return None if row is None else int(row["number"])


def is_live(connection: sqlite3.Connection, place: int, number: int) -> bool:
    """Return whether a model shows a version of this number."""
    return connection.execute("SELECT 1 FROM versions WHERE place = ? AND number = ?", (place, number)).fetchone() is not None


def versions_at(connection: sqlite3.Connection, model: sqlite3.Row, numbers: Sequence[int]) -> tuple[IndexedVersion, ...]:
    """Return versions of a model by their numbers, in that order."""
    place = model["place"]
    body = loads(model["body"])
    aliases = aliases_of(connection, place)
    best = best_number(connection, model, aliases)
    return tuple(
        IndexedVersion(
            team=body["team"],
            model_id=model["id"],
            model=body["name"],
            version=version_at(connection, place, number),
            latest=number == model["number"],
            best=number == best,
            aliases=tuple(alias.name for alias in aliases if alias.number == number),
        )
        for number in numbers
    )


def version_at(connection: sqlite3.Connection, place: int, number: int) -> ModelVersion:
    """Return a live version."""
    [(document_body, amended_body)] = connection.execute(
        "SELECT d.body, a.body FROM documents d LEFT JOIN amended a ON a.place = d.place AND a.number = d.number"
        " WHERE d.place = ? AND d.number = ?",
        (place, number),
    )
    document = parse_document(f"version {number}", document_body)
    registration = document.registration
    if amended_body is None:
        return ModelVersion(number, registration, document.registered, (), registration.notes)
    amended = loads(amended_body)
    metrics = tuple(Metric.from_json(metric) for metric in amended["metrics"])
    return ModelVersion(number, registration.with_metrics(metrics), document.registered, tuple(amended["tags"]), amended["notes"])
