"""Rows of the index as the entities that they were written from."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Final

from modelwatch.core.entities import ModelVersion
from modelwatch.core.json import decode_float, loads
from modelwatch.repository.events import Event
from modelwatch.repository.index.answers import Alias, IndexedModel, IndexedVersion
from modelwatch.repository.index.outside import data, text_of
from modelwatch.repository.layout import Place
from modelwatch.repository.reading import parse_document, parse_event
from modelwatch.repository.view import LATEST

BEST_ALIAS: Final = "best"
"""Set by hand, it names the best version whatever the metrics say."""

_KEPT: Final = 1024
_SMALL_BYTES: Final = 8 << 10  # of a document; parsed, it takes about four times that
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
    return [event for _, event in named_events_about(connection, place_id, key)]


def named_events_about(connection: sqlite3.Connection, place_id: int, key: bytes | None) -> list[tuple[str, Event]]:
    """Return as `events_about`, each with its name without extension."""
    rows = connection.execute(
        "SELECT name, body FROM events WHERE place = ? AND subject IS ? AND body IS NOT NULL ORDER BY name", (place_id, key)
    )
    events = [(name.removesuffix(".json"), parse_event(name, body)) for name, body in rows]
    return [(name, event) for name, event in events if event is not None]


def models_at(connection: sqlite3.Connection, places: Sequence[int], *, with_best: bool = True) -> tuple[IndexedModel, ...]:
    """
    Return models by the rows of their places, in that order, each with its latest version and if asked for its best.

    All of a page's rows of one kind are asked for at once: a statement costs as much as what a page needs of one model.
    """
    query = f"SELECT * FROM models WHERE place IN ({_marks(len(places))})"  # noqa: S608 - question marks
    rows = {row["place"]: row for row in connection.execute(query, places)}
    aliases = _aliases(connection, places)
    shown = {
        place: (row["number"], best_number(connection, row, aliases[place]) if with_best else None) for place, row in rows.items()
    }
    versions = _versions(connection, sorted({(place, number) for place in shown for number in shown[place] if number is not None}))
    return tuple(
        _model(rows[place], aliases[place], [None if number is None else versions[place, number] for number in shown[place]])
        for place in places
    )


def _model(row: sqlite3.Row, aliases: tuple[Alias, ...], latest_and_best: Sequence[ModelVersion | None]) -> IndexedModel:
    body = loads(row["body"])
    latest, best = latest_and_best
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
        latest=latest,
        best=best,
        aliases=aliases,
    )


def _aliases(connection: sqlite3.Connection, places: Sequence[int]) -> dict[int, tuple[Alias, ...]]:
    """Return each model's aliases, sorted by name."""
    found: dict[int, list[Alias]] = {place: [] for place in places}
    query = f"SELECT place, name, number FROM aliases WHERE place IN ({_marks(len(places))})"  # noqa: S608 - question marks
    for place, name, number in connection.execute(query, places):
        found[place].append(Alias(text_of(name), number))
    return {place: tuple(sorted(aliases, key=lambda alias: alias.name)) for place, aliases in found.items()}


def _marks(count: int) -> str:
    return ", ".join("?" * count)


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
        number = best_number(connection, model, _aliases(connection, [model["place"]])[model["place"]])
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
    aliases = _aliases(connection, [place])[place]
    best = best_number(connection, model, aliases)
    versions = _versions(connection, [(place, number) for number in numbers])
    return tuple(
        IndexedVersion(
            team=body["team"],
            model_id=model["id"],
            model=body["name"],
            version=versions[place, number],
            latest=number == model["number"],
            best=number == best,
            aliases=tuple(alias.name for alias in aliases if alias.number == number),
        )
        for number in numbers
    )


def _versions(connection: sqlite3.Connection, wanted: Sequence[tuple[int, int]]) -> dict[tuple[int, int], ModelVersion]:
    """Return live versions by the rows of their places and their numbers."""
    if not wanted:
        return {}
    pairs = ", ".join(("(?, ?)",) * len(wanted))
    query = (
        f"WITH wanted (place, number) AS (VALUES {pairs}) SELECT d.place, d.number, d.body, a.body"  # noqa: S608 - question marks
        " FROM wanted w CROSS JOIN documents d ON d.place = w.place AND d.number = w.number"
        " LEFT JOIN amended a ON a.place = d.place AND a.number = d.number"
    )
    found = connection.execute(query, [value for pair in wanted for value in pair])
    return {(place, number): _parsed(number, document, amended) for place, number, document, amended in found}


def _parsed(number: int, body: bytes, amended_body: str | None) -> ModelVersion:
    """Return a version; most are asked for again soon, by pages that follow a training, and only those that take much memory are not kept."""
    parse = _kept_version if len(body) <= _SMALL_BYTES else _version
    return parse(number, body, amended_body)


def _version(number: int, body: bytes, amended_body: str | None) -> ModelVersion:
    key = f"version {number}"
    if amended_body is None:
        document = parse_document(key, body)
        return ModelVersion(number, document.registration, document.registered, (), document.registration.notes)
    amended = loads(amended_body)
    document = parse_document(key, body, metrics=amended["metrics"])
    return ModelVersion(number, document.registration, document.registered, tuple(amended["tags"]), amended["notes"])


_kept_version: Final = lru_cache(maxsize=_KEPT)(_version)
