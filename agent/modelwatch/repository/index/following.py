"""
Following a repository's directory: finding the models that may have changed, and taking what came.

The directory is looked at in parts, of so many models that a part takes some milliseconds when nothing has changed: whoever else writes to the
index need not wait for all of ten thousand models, nor do those who ask the server something meanwhile.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from modelwatch.core.database import immediate
from modelwatch.repository.index.file import INDEX
from modelwatch.repository.index.outside import data, text_of
from modelwatch.repository.index.seen import Seen
from modelwatch.repository.index.taking import Taker
from modelwatch.repository.layout import MODELS, Place
from modelwatch.repository.storage.directory import DirectoryStorage

_BATCH: Final = 256  # models that are looked at together, and whose changes are written in one transaction
_Key = tuple[bytes, bytes]
_FIRST: Final[_Key] = (b"", b"")
_LAST: Final[_Key] = (b"\xff", b"")
"""They come before and after every team and model, for UTF-8 has no such byte."""


@dataclass(frozen=True, slots=True)
class Part:
    """
    A range of all models there can be, of all teams, in the order of their encoded names.

    Attributes:
        places: Those that are there.
        after: Team and model that it begins after.
        through: Team and model that it ends with.
    """

    places: tuple[Place, ...]
    after: _Key
    through: _Key


def parts(storage: DirectoryStorage) -> Iterator[Part]:
    """
    Give the whole repository, part by part.

    A team's models are those that are there when the first of its parts comes; what they hold is read when a part is followed.

    Raises:
        OSError: A directory cannot be listed.
    """
    after, places = _FIRST, list[Place]()
    for team in storage.names(MODELS):
        for model in storage.names(f"{MODELS}/{team}"):
            places.append(Place(team, model))
            if len(places) == _BATCH:
                through = (data(team), data(model))
                yield Part(tuple(places), after, through)
                after, places = through, []
    yield Part(tuple(places), after, _LAST)


def follow(connection: sqlite3.Connection, storage: DirectoryStorage, repository_id: str, part: Part) -> bool:
    """
    Bring the index up to date with a part of the repository; return whether anything had changed.

    Raises:
        OSError: The repository cannot be read.

        MalformedError: The index is damaged.

        StateError: It cannot be written.
    """
    taker = Taker(connection, storage, repository_id)
    _take(connection, taker, _stale(connection, storage, part))
    return taker.changed


def follow_one(connection: sqlite3.Connection, storage: DirectoryStorage, repository_id: str, place: Place) -> bool:
    """Bring one model up to date; return whether it had changed. Raise as `follow`."""
    taker = Taker(connection, storage, repository_id)
    _take(connection, taker, [place])
    return taker.changed


def _stale(connection: sqlite3.Connection, storage: DirectoryStorage, part: Part) -> list[Place]:
    """Return those models that may have changed: of those that are there, and of those that were."""
    rows = connection.execute(
        "SELECT team, model, versions_seen, events_seen, aliases_seen, runs_seen,"
        " EXISTS (SELECT 1 FROM problems WHERE place = places.id) AS problems"
        " FROM places WHERE (team, model) > (?, ?) AND (team, model) <= (?, ?)",
        (*part.after, *part.through),
    )
    known = {Place(text_of(row["team"]), text_of(row["model"])): row for row in rows}
    places = [*part.places, *(known.keys() - set(part.places))]
    return [place for place in places if _may_have_changed(storage, place, known.get(place))]


def _may_have_changed(storage: DirectoryStorage, place: Place, row: sqlite3.Row | None) -> bool:
    return row is None or row["problems"] or not Seen.of_row(row).proves(Seen.now(storage, place, time.time_ns()))


def _take(connection: sqlite3.Connection, taker: Taker, places: Iterable[Place]) -> None:
    """Take what came of some models, in one transaction but for the large ones."""
    waiting = [(place, 0) for place in places]
    while waiting:
        with immediate(connection, INDEX):
            taken = [(place, taker.take(place, after)) for place, after in waiting]
        waiting = [(place, after) for place, after in taken if after is not None]
