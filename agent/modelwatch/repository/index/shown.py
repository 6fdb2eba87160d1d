"""
Writing what is shown: the rows that lists, searches and curves are read from.

What that is, `modelwatch.repository.reading` decides; here it is only asked about one version, or about a model without its versions, so
that a model of many need not be read for one that came.
"""

from __future__ import annotations

import math
import sqlite3
from typing import Final

from modelwatch.core.entities import ModelVersion, RegisteredModel, Registration
from modelwatch.core.json import JsonValue, dumps, finite
from modelwatch.repository.folding import Itself, Subject
from modelwatch.repository.index import trigrams
from modelwatch.repository.index.outside import data, folded, limited, number, optional, real
from modelwatch.repository.index.rows import events_about
from modelwatch.repository.json_shapes import origin
from modelwatch.repository.layout import Place
from modelwatch.repository.metric_names import BEST, by_name, told_in
from modelwatch.repository.reading import Document, parse_document
from modelwatch.repository.showing import model_from, version_of

_WINNER: Final = "NOT EXISTS (SELECT 1 FROM documents e WHERE e.place = d.place AND e.key = d.key AND e.number < d.number)"
"""Of two versions with one key only the lower number counts."""


class Shown:
    """
    Writes what is shown of models and versions, within write transactions of the caller.

    Args:
        connection: To the index.

        repository_id: The repository's id.
    """

    def __init__(self, connection: sqlite3.Connection, repository_id: str) -> None:
        self._connection = connection
        self._repository_id = repository_id

    # -------------------------------------------------------------------------------------------------------------- events

    def itself(self, place_id: int) -> Itself:
        """Return what events have made of a model itself."""
        return Itself.of(events_about(self._connection, place_id, None))

    def _subject(self, place_id: int, key: bytes) -> Subject:
        """Return what events have made of a version, and note when that was."""
        subject = Subject()
        for event in events_about(self._connection, place_id, key):
            subject = subject.after(event)
        if subject != Subject():
            self._connection.execute(
                "INSERT INTO subjects VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET modified = excluded.modified",
                (place_id, key, real(subject.modified)),
            )
        return subject

    # ------------------------------------------------------------------------------------------------------------ versions

    def settle(self, place: Place, place_id: int, floor: int, key: str, at_hand: tuple[int, Document] | None = None) -> None:
        """
        Write what is shown of a registration now.

        Args:
            place: The model's.

            place_id: The row of it.

            floor: As in `Itself`.

            key: The registration's.

            at_hand: A version of it whose rows were not there before, with its document.
        """
        raw = data(key)
        rows = self._connection.execute("SELECT number FROM documents WHERE place = ? AND key = ? ORDER BY number", (place_id, raw))
        numbers = [row[0] for row in rows]
        if at_hand is None:
            self._connection.execute("DELETE FROM subjects WHERE place = ? AND key = ?", (place_id, raw))
        subject = self._subject(place_id, raw)
        for index, taken in enumerate(numbers):
            new = at_hand is not None and at_hand[0] == taken
            version = None
            if index == 0 and taken > floor:
                document = at_hand[1] if at_hand is not None and new else self._document(place, place_id, taken)
                version = version_of(taken, document, subject)
            if not new:
                self.remove_version(place_id, taken)
            if version is not None:
                self._write_version(place_id, version, amended=subject != Subject())

    def _document(self, place: Place, place_id: int, taken: int) -> Document:
        row = self._connection.execute("SELECT body FROM documents WHERE place = ? AND number = ?", (place_id, taken)).fetchone()
        return parse_document(place.version(taken), row[0])

    def remove_version(self, place_id: int, taken: int) -> None:
        """Show a version no more."""
        for row in self._rows("DELETE FROM versions WHERE place = ? AND number = ? RETURNING text", place_id, taken):
            trigrams.remove(self._connection, place_id, taken, row["text"])
        for table in ("amended", "metrics", "version_tags"):
            self._connection.execute(f"DELETE FROM {table} WHERE place = ? AND number = ?", (place_id, taken))  # noqa: S608 - ours

    def _write_version(self, place_id: int, version: ModelVersion, *, amended: bool) -> None:
        registration = version.registration
        provenance = registration.provenance
        text = _text(registration.root, version.notes, *version.tags, provenance.run or "", provenance.experiment or "")
        self._connection.execute(
            "INSERT INTO versions VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                place_id,
                version.number,
                real(version.registered),
                real(registration.created),
                number(registration.step),
                number(registration.epoch),
                number(registration.manifest.size),
                registration.model_type.value,
                data(str(registration.format)),
                origin(version),
                registration.lifetime.value,
                optional(provenance.run),
                optional(provenance.experiment),
                optional(provenance.project),
                bool(registration.notes),
                registration.summary is not None,
                text,
            ),
        )
        trigrams.add(self._connection, place_id, version.number, text)
        self._connection.executemany(
            "INSERT INTO metrics VALUES (?, ?, ?, ?, ?, ?, ?)",
            [
                (
                    place_id,
                    version.number,
                    data(name),
                    int(math.isnan(metric.value)),
                    real(metric.value),
                    data(str(metric.key)),
                    data(str(metric.split)),
                )
                for name, metric in by_name(registration.metrics).items()
            ],
        )
        self._connection.executemany(
            "INSERT INTO version_tags VALUES (?, ?, ?)", [(place_id, version.number, data(tag)) for tag in version.tags]
        )
        if amended:
            self._connection.execute("INSERT INTO amended VALUES (?, ?, ?)", (place_id, version.number, dumps(_amendment(version))))

    # -------------------------------------------------------------------------------------------------------------- models

    def write_model(self, place: Place, place_id: int) -> None:
        """Write what is shown of a model now, its versions having been settled."""
        for table in ("models", "model_metrics", "model_tags", "facets"):
            self._connection.execute(f"DELETE FROM {table} WHERE place = ?", (place_id,))  # noqa: S608 - ours
        model = self._model(place, place_id)
        if model is None:
            return
        team = data(place.team_part)
        self._connection.execute(
            "INSERT INTO facets SELECT place, ?, type, format, origin, lifetime, experiment, project, count(*), total(size),"
            " min(registered), max(registered) FROM versions WHERE place = ? GROUP BY type, format, origin, lifetime, experiment, project",
            (team, place_id),
        )
        [(versions, size)] = self._rows("SELECT total(versions), total(size) FROM facets WHERE place = ?", place_id)
        latest = self._rows("SELECT number, registered, step FROM versions WHERE place = ? ORDER BY number DESC LIMIT 1", place_id)
        taken, registered, step = latest[0] if latest else (None, None, None)
        self._connection.execute(
            "INSERT INTO models VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                place_id,
                team,
                model.id,
                data(str(model.name)),
                model.public,
                real(model.created),
                real(model.modified),
                int(versions),
                size,
                taken,
                registered,
                step,
                self._best(place_id),
                _text(model.name, model.id, model.notes, *model.tags),
                dumps(_model_body(model)),
            ),
        )
        self._connection.execute(
            "INSERT INTO model_metrics SELECT place, name, rank, value, ?, ? FROM metrics WHERE place = ? AND number = ?",
            (team, model.id, place_id, taken),
        )
        self._write_told(place, place_id, team, model.id, taken)
        self._connection.executemany("INSERT INTO model_tags VALUES (?, ?, ?)", [(place_id, data(tag), team) for tag in model.tags])

    def _write_told(self, place: Place, place_id: int, team: bytes, model_id: str, latest: int | None) -> None:
        """Let a model be sorted by what an upload tells in its summary, where it has no such metric: as evaluation, which is how it is shown."""
        with_summary = self._rows("SELECT 1 FROM versions WHERE place = ? AND number = ? AND has_summary", place_id, latest)
        if latest is None or not with_summary:
            return
        registration = self._document(place, place_id, latest).registration
        known = by_name(registration.metrics)
        if known.keys() & {name for name, _ in BEST}:
            return
        self._connection.executemany(
            "INSERT INTO model_metrics VALUES (?, ?, ?, ?, ?, ?)",
            [
                (place_id, data(f"val_{key}"), int(math.isnan(value)), real(value), team, model_id)
                for key, value in told_in(registration.summary).items()
            ],
        )

    def _model(self, place: Place, place_id: int) -> RegisteredModel | None:
        """Return a model without its versions, or None when there is nothing to see."""
        itself = self.itself(place_id)
        ends = [
            self._rows(
                f"SELECT number, body FROM documents d WHERE place = ? AND number > ? AND {_WINNER}"  # noqa: S608 - ours
                f" ORDER BY number {direction} LIMIT 1",
                place_id,
                limited(itself.floor),
            )
            for direction in ("ASC", "DESC")
        ]
        if not ends[0]:
            return None
        first, newest = (parse_document(place.version(row["number"]), row["body"]) for [row] in ends)
        [(changed,)] = self._rows("SELECT max(modified) FROM subjects WHERE place = ?", place_id)
        with_notes = self._newest_with("has_notes", place, place_id)
        with_summary = self._newest_with("has_summary", place, place_id)
        return model_from(
            place,
            self._repository_id,
            itself,
            first=first,
            newest=newest,
            changed=changed or 0.0,
            notes="" if with_notes is None else with_notes.notes,
            summary=None if with_summary is None else with_summary.summary,
            versions=(),
        )

    def _newest_with(self, column: str, place: Place, place_id: int) -> Registration | None:
        rows = self._rows(
            f"SELECT number FROM versions WHERE place = ? AND {column} ORDER BY number DESC LIMIT 1",  # noqa: S608 - ours
            place_id,
        )
        return self._document(place, place_id, rows[0][0]).registration if rows else None

    def _best(self, place_id: int) -> int | None:
        """Return the number of the version that `best_of` would choose."""
        for name, more_is_better in BEST:
            finite_ones = "place = :place AND name = :name AND rank = 0 AND value > :low AND value < :high"
            asked = {"place": place_id, "name": data(name), "low": -math.inf, "high": math.inf}
            [(value,)] = self._connection.execute(
                f"SELECT {'max' if more_is_better else 'min'}(value) FROM metrics WHERE {finite_ones}",  # noqa: S608 - ours
                asked,
            )
            if value is not None:
                [(best,)] = self._connection.execute(
                    f"SELECT min(number) FROM metrics WHERE {finite_ones} AND value = :value",  # noqa: S608 - ours
                    {**asked, "value": value},
                )
                return int(best)
        return None

    def _rows(self, query: str, *parameters: object) -> list[sqlite3.Row]:
        return self._connection.execute(query, parameters).fetchall()


def _text(*parts: object) -> bytes:
    """Return what a search looks in; a match cannot go from one part into the next."""
    return folded("\n".join(str(part) for part in parts))


def _amendment(version: ModelVersion) -> JsonValue:
    return {
        "tags": list(version.tags),
        "notes": version.notes,
        "metrics": [finite(metric.to_json()) for metric in version.registration.metrics],
    }


def _model_body(model: RegisteredModel) -> JsonValue:
    return finite(
        {
            "team": model.team,
            "name": model.name,
            "created": model.created,
            "modified": model.modified,
            "tags": model.tags,
            "notes": model.notes,
            "summary": model.summary,
        }
    )
