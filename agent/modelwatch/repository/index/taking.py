"""
Taking what came to one model's directory since the last time, and reading nothing else.

The names that are there are compared with those that are known, so that a file which came out of order, or went, is noticed as well. Files
that cannot be understood are tried again each time: a writer on a file system without hard links may be in the middle of one.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from modelwatch.core.entities import Storage
from modelwatch.repository.index.outside import data, limited, text_of
from modelwatch.repository.index.seen import Seen, is_to_be_listed
from modelwatch.repository.index.shown import Shown
from modelwatch.repository.layout import Place, event_milliseconds
from modelwatch.repository.reading import (
    Document,
    MalformedError,
    Problem,
    event_files,
    load,
    parse_document,
    parse_event,
    read_aliases,
    version_numbers,
)
from modelwatch.repository.storage.directory import DirectoryStorage

SLICE: Final = 5_000
"""Versions that are taken in one transaction, so that other writers need not wait for all of a large model's."""

VERSIONS: Final = "versions"
"""The kind of a problem with a version, whose name is its number; the others' kind is their directory, and their name the file's."""


@dataclass(slots=True)
class _Model:
    """
    A model whose rows are being brought up to date.

    Attributes:
        place: Where it is.
        id: The row of its place.
        floor: As in `Itself`.
        touched: Keys of the versions whose document, or an event about which, came or went. None is the model itself.
        changed: Whether anything came or went.
    """

    place: Place
    id: int
    floor: int
    touched: set[str | None] = field(default_factory=set)
    changed: bool = False


class Taker:
    """
    Brings the rows of one model after the other up to date, within write transactions of the caller.

    Args:
        connection: To the index.

        storage: The repository's.

        repository_id: Its id.

    Attributes:
        changed: Whether anything was found that had changed.
    """

    def __init__(self, connection: sqlite3.Connection, storage: DirectoryStorage, repository_id: str) -> None:
        self._connection = connection
        self._storage = storage
        self._shown = Shown(connection, repository_id)
        self.changed = False

    def take(self, place: Place, after: int = 0) -> int | None:
        """
        Take what came since the last time.

        Args:
            place: Which model.

            after: Take versions with higher numbers only; for what an earlier call returned.

        Returns:
            The number after which there are more versions to take, or None.

        Raises:
            OSError: A directory cannot be listed.

            MalformedError: The index is damaged.
        """
        row = self._row(place)
        then, now = Seen.of_row(row), Seen.now(self._storage, place, time.time_ns())
        if not after and not row["problems"] and then.proves(now):
            return None  # another process has taken it while we waited for the transaction
        model = _Model(place, row["id"], row["floor"], changed=then.runs != now.runs)
        self._take_events(model, listed=is_to_be_listed(then.events, now.events))
        self._fold_itself(model)
        more = self._take_versions(model, after, listed=is_to_be_listed(then.versions, now.versions))
        self._take_aliases(model, listed=is_to_be_listed(then.aliases, now.aliases))
        for key in model.touched:
            if key is not None:
                self._shown.settle(model.place, model.id, model.floor, key)
        if model.changed or model.touched:
            self._shown.write_model(model.place, model.id)
            self._note_change(model.id)
        # Of lower numbers a later slice sees nothing: another look lists the directory once more.
        whole = more is None and not after
        self._write_row(model, then, now if whole else Seen(None, now.events, now.aliases, now.runs))
        return more

    # ------------------------------------------------------------------------------------------------------------ its row

    def _row(self, place: Place) -> sqlite3.Row:
        query = (
            "SELECT id, floor, versions_seen, events_seen, aliases_seen, runs_seen,"
            " EXISTS (SELECT 1 FROM problems WHERE place = places.id) AS problems FROM places WHERE team = ? AND model = ?"
        )
        where = (data(place.team_part), data(place.model_part))
        row = self._connection.execute(query, where).fetchone()
        if row is None:
            self._connection.execute("INSERT INTO places (team, model) VALUES (?, ?)", where)
            row = self._connection.execute(query, where).fetchone()
        found: sqlite3.Row = row
        return found

    def _write_row(self, model: _Model, then: Seen, now: Seen) -> None:
        if then != now:
            self._connection.execute(
                "UPDATE places SET versions_seen = ?, events_seen = ?, aliases_seen = ?, runs_seen = ? WHERE id = ?",
                (now.versions, now.events, now.aliases, now.runs, model.id),
            )

    def _note_change(self, identifier: int) -> None:
        self.changed = True
        self._connection.execute("UPDATE facts SET value = value + 1 WHERE name = 'generation'")
        self._connection.execute(
            "UPDATE places SET generation = (SELECT value FROM facts WHERE name = 'generation') WHERE id = ?", (identifier,)
        )

    # ------------------------------------------------------------------------------------------------------------- events

    def _take_events(self, model: _Model, *, listed: bool) -> None:
        troubled = self._problems(model, "events")
        present = set(event_files(self._storage, model.place)) if listed else set(troubled)
        known = {row[0] for row in self._rows("SELECT name FROM events WHERE place = ?", model.id)} if listed else set()
        for name in known - present:
            self._drop_event(model, name)
        failed = {}
        for name in sorted(present - known):
            try:
                self._take_event(model, name)
            except MalformedError as error:
                failed[name] = error.problem.reason
        self._write_problems(model, "events", troubled, failed)

    def _take_event(self, model: _Model, name: str) -> None:
        key = f"{model.place.events}/{name}"
        try:
            event_milliseconds(name.removesuffix(".json"))
        except ValueError as error:
            raise MalformedError(Problem(key, str(error))) from error
        body = load(self._storage, key)
        if body is None:
            return
        event = parse_event(key, body)
        subject = None if event is None or event.registration is None else data(event.registration)
        self._connection.execute(
            "INSERT INTO events (place, name, subject, body) VALUES (?, ?, ?, ?)",
            (model.id, name, subject, None if event is None else body),
        )
        if event is not None:
            model.touched.add(event.registration)

    def _drop_event(self, model: _Model, name: str) -> None:
        [row] = self._rows("DELETE FROM events WHERE place = ? AND name = ? RETURNING subject, body", model.id, name)
        if row["body"] is not None:
            model.touched.add(None if row["subject"] is None else text_of(row["subject"]))

    def _fold_itself(self, model: _Model) -> None:
        """Follow the model's floor: what was shown below a higher one no longer is, and the other way round."""
        if None not in model.touched:
            return
        floor = limited(self._shown.itself(model.id).floor)
        if floor != model.floor:
            between = (model.id, min(floor, model.floor), max(floor, model.floor))
            keys = self._rows("SELECT key FROM documents WHERE place = ? AND number > ? AND number <= ?", *between)
            model.touched.update(text_of(row[0]) for row in keys)
            self._connection.execute("UPDATE places SET floor = ? WHERE id = ?", (floor, model.id))
            model.floor = floor

    # ----------------------------------------------------------------------------------------------------------- versions

    def _take_versions(self, model: _Model, after: int, *, listed: bool) -> int | None:
        troubled = self._problems(model, VERSIONS)
        present = set(version_numbers(self._storage, model.place)) if listed else {int(name) for name in troubled}
        known = {row[0] for row in self._rows("SELECT number FROM documents WHERE place = ?", model.id)} if listed else set()
        for number in known - present:
            self._drop_version(model, number)
        new = sorted(number for number in present - known if number > after)
        failed = {name: reason for name, reason in troubled.items() if int(name) in present and int(name) not in new[:SLICE]}
        for number in new[:SLICE]:
            try:
                self._take_version(model, number)
            except MalformedError as error:
                failed[str(number)] = error.problem.reason
        self._write_problems(model, VERSIONS, troubled, failed)
        return new[SLICE - 1] if len(new) > SLICE else None

    def _take_version(self, model: _Model, number: int) -> None:
        key = model.place.version(number)
        body = load(self._storage, key)
        if body is None:
            return
        document = parse_document(key, body)
        self._connection.execute(
            "INSERT INTO documents (place, number, key, body) VALUES (?, ?, ?, ?)", (model.id, number, data(document.key), body)
        )
        self._connection.executemany(
            "INSERT OR IGNORE INTO contents (team, digest, place, number) VALUES (?, ?, ?, ?)",
            [(data(model.place.team_part), digest, model.id, number) for digest in _content(document)],
        )
        self._shown.settle(model.place, model.id, model.floor, document.key, (number, document))
        model.touched.discard(document.key)
        model.changed = True

    def _drop_version(self, model: _Model, number: int) -> None:
        [row] = self._rows("DELETE FROM documents WHERE place = ? AND number = ? RETURNING key, body", model.id, number)
        digests = _content(parse_document(model.place.version(number), row["body"]))
        self._connection.executemany(
            "DELETE FROM contents WHERE team = ? AND digest = ? AND place = ? AND number = ?",
            [(data(model.place.team_part), digest, model.id, number) for digest in digests],
        )
        self._shown.remove_version(model.id, number)
        model.touched.add(text_of(row["key"]))
        model.changed = True

    # ------------------------------------------------------------------------------------------- aliases and what is left over

    def _take_aliases(self, model: _Model, *, listed: bool) -> None:
        troubled = self._problems(model, "aliases")
        if not listed and not troubled:
            return
        known = {
            text_of(row["name"]): row["number"] for row in self._rows("SELECT name, number FROM aliases WHERE place = ?", model.id)
        }
        read, problems = read_aliases(self._storage, model.place)
        found = {name: limited(number) for name, number in read.items()}
        failed = {problem.key.rpartition("/")[2]: problem.reason for problem in problems}
        self._write_problems(model, "aliases", troubled, failed)
        if found != known:
            self._connection.execute("DELETE FROM aliases WHERE place = ?", (model.id,))
            self._connection.executemany(
                "INSERT INTO aliases (place, name, number) VALUES (?, ?, ?)",
                [(model.id, data(name), number) for name, number in found.items()],
            )
            model.changed = True

    def _problems(self, model: _Model, kind: str) -> dict[str, str]:
        rows = self._rows("SELECT name, reason FROM problems WHERE place = ? AND kind = ?", model.id, kind)
        return {text_of(row["name"]): text_of(row["reason"]) for row in rows}

    def _write_problems(self, model: _Model, kind: str, before: Mapping[str, str], now: Mapping[str, str]) -> None:
        if before != now:
            self._connection.execute("DELETE FROM problems WHERE place = ? AND kind = ?", (model.id, kind))
            self._connection.executemany(
                "INSERT INTO problems (place, kind, name, reason) VALUES (?, ?, ?, ?)",
                [(model.id, kind, data(name), data(reason)) for name, reason in now.items()],
            )

    def _rows(self, query: str, *parameters: object) -> list[sqlite3.Row]:
        return self._connection.execute(query, parameters).fetchall()


def _content(document: Document) -> set[bytes]:
    """Return the digests of what a registration has in the repository."""
    registration = document.registration
    if registration.storage is Storage.REFERENCE:
        return set()
    return {bytes.fromhex(entry.digest.hex) for entry in registration.manifest.entries}
