"""Following a repository's directory: finding the models that may have changed, and taking what came."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterable, Iterator
from typing import Final

from modelwatch.core.database import immediate
from modelwatch.repository.index.file import INDEX
from modelwatch.repository.index.outside import data, text_of
from modelwatch.repository.index.seen import Seen
from modelwatch.repository.index.taking import Taker
from modelwatch.repository.layout import MODELS, Place
from modelwatch.repository.storage.directory import DirectoryStorage

_BATCH: Final = 256  # models that are looked at together, and whose changes are written in one transaction
_BEYOND: Final = b"\xff"  # sorts after every name


def follow(connection: sqlite3.Connection, storage: DirectoryStorage, repository_id: str) -> bool:
    """
    Bring the index up to date; return whether anything had changed.

    Raises:
        OSError: The repository cannot be read.

        MalformedError: The index is damaged.

        StateError: It cannot be written.
    """
    taker = Taker(connection, storage, repository_id)
    known = connection.execute("SELECT DISTINCT team FROM places").fetchall()
    for team in sorted({*storage.names(MODELS), *(text_of(row[0]) for row in known)}):
        for places in _stale(connection, storage, team):
            _take(connection, taker, places)
    return taker.changed


def follow_one(connection: sqlite3.Connection, storage: DirectoryStorage, repository_id: str, place: Place) -> bool:
    """Bring one model up to date; return whether it had changed. Raise as `follow`."""
    taker = Taker(connection, storage, repository_id)
    _take(connection, taker, [place])
    return taker.changed


def _stale(connection: sqlite3.Connection, storage: DirectoryStorage, team: str) -> Iterator[list[Place]]:
    """Give those of a team's models that may have changed, in batches: those that are there, and those that were."""
    names = storage.names(f"{MODELS}/{team}")
    below = b""
    for start in range(0, len(names) or 1, _BATCH):
        batch = names[start : start + _BATCH]
        through = data(batch[-1]) if start + _BATCH < len(names) else _BEYOND
        rows = connection.execute(
            "SELECT model, versions_seen, events_seen, aliases_seen, runs_seen,"
            " EXISTS (SELECT 1 FROM problems WHERE place = places.id) AS problems"
            " FROM places WHERE team = ? AND model > ? AND model <= ?",
            (data(team), below, through),
        )
        known = {text_of(row["model"]): row for row in rows}
        places = [Place(team, name) for name in sorted({*batch, *known})]
        yield [place for place in places if _may_have_changed(storage, place, known.get(place.model_part))]
        below = through


def _may_have_changed(storage: DirectoryStorage, place: Place, row: sqlite3.Row | None) -> bool:
    return row is None or row["problems"] or not Seen.of_row(row).proves(Seen.now(storage, place, time.time_ns()))


def _take(connection: sqlite3.Connection, taker: Taker, places: Iterable[Place]) -> None:
    """Take what came of some models, in one transaction but for the large ones."""
    waiting = [(place, 0) for place in places]
    while waiting:
        with immediate(connection, INDEX):
            taken = [(place, taker.take(place, after)) for place, after in waiting]
        waiting = [(place, after) for place, after in taken if after is not None]
