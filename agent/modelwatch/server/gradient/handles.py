"""
The ids that Gradient's client is given when it begins an upload, and what became of each.

Gradient makes a model of its own for every upload. Here an upload under a name that is there already is another version of that model,
so the client gets an id that means the one version that its upload makes. Under a new name it gets the id that the model will have.
"""

from __future__ import annotations

import contextlib
import secrets
import sqlite3
import string
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from modelwatch.core import database
from modelwatch.core.clock import Clock
from modelwatch.core.entities import ModelType
from modelwatch.core.json import JsonValue, dumps, loads

_KIND = database.Kind(
    name="list of Gradient's uploads",
    application_id=0x6D776772,  # "mwgr"
    scripts=(Path(__file__).with_name("handles.sql"),),
    where="the repository's server folder",
    elsewhere="move the file away",
    damaged="move the file away: ids that the gradient client was given for uploads end",
)
FORGOTTEN_SECONDS = 86_400.0
_ALPHABET = string.ascii_lowercase + string.digits
_COLUMNS = "handle, team, name, model_type, project, notes, summary, dataset, created, model_id, number"


@dataclass(frozen=True, slots=True)
class Handle:
    """
    One upload.

    Attributes:
        id: ``mo`` and 13 letters or digits.
        team: Whose.
        name: The model's name.
        model_type: Gradient's type.
        project: Gradient's project id, or None.
        notes: Free text.
        summary: Any JSON value.
        dataset: Gradient's dataset reference of a model that is made of one, or None.
        created: Seconds since the epoch.
        model_id: The model, once there is a version; None before.
        number: The version's, likewise.
    """

    id: str
    team: str
    name: str
    model_type: ModelType
    project: str | None
    notes: str
    summary: JsonValue
    dataset: str | None
    created: float
    model_id: str | None = None
    number: int | None = None


class Handles:
    """
    The handles of one repository.

    Args:
        path: The database.

        clock: The time.
    """

    def __init__(self, path: Path, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._receiving: set[str] = set()
        self._connection = database.connect(path, _KIND, any_thread=True)

    def close(self) -> None:
        """Close the database."""
        self._connection.close()

    def make(  # noqa: PLR0913 - what the client says of a model, by keyword
        self,
        team: str,
        name: str,
        model_type: ModelType,
        *,
        project: str | None = None,
        notes: str = "",
        summary: JsonValue = None,
        dataset: str | None = None,
        wish: str | None = None,
    ) -> Handle:
        """
        Make a handle for what is to be uploaded.

        Args:
            team: Whose.

            name: The model's name.

            model_type: Gradient's type.

            project: Gradient's project id.

            notes: Free text.

            summary: Any JSON value.

            dataset: Gradient's dataset reference.

            wish: The id to have, unless another upload has it; None for any.

        Raises:
            StateError: It cannot be written down.
        """
        identifier = wish if wish is not None and self.find(team, wish) is None else _any_id()
        handle = Handle(identifier, team, name, model_type, project, notes, summary, dataset, self._clock.now())
        row = (
            *(handle.id, team, name, model_type.value, project, notes, dumps(summary), dataset, handle.created),
            *(handle.model_id, handle.number),
        )
        with self._lock, database.immediate(self._connection, _KIND):
            self._connection.execute(f"INSERT INTO handles ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", row)  # noqa: S608 - a constant
        return handle

    def find(self, team: str, identifier: str) -> Handle | None:
        """Return a handle of a team, or None."""
        query = f"SELECT {_COLUMNS} FROM handles WHERE handle = ? AND team = ?"  # noqa: S608 - a constant
        with self._lock:
            found = database.rows(self._connection, _KIND, query, (identifier, team))
        return _handle(found[0]) if found else None

    @contextlib.contextmanager
    def receiving(self, identifier: str) -> Iterator[bool]:
        """Give whether nobody else is sending what a handle is for; as long as the block runs, nobody else is."""
        with self._lock:
            is_first = identifier not in self._receiving
            self._receiving.add(identifier)
        try:
            yield is_first
        finally:
            if is_first:
                with self._lock:
                    self._receiving.discard(identifier)

    def became(self, handle: Handle, model_id: str, number: int) -> Handle:
        """Note which version an upload has made. A handle that is the model's own id is one no longer."""
        if handle.id == model_id:
            self.forget(handle)
            return replace(handle, model_id=model_id, number=number)
        with self._lock, database.immediate(self._connection, _KIND):
            self._connection.execute("UPDATE handles SET model_id = ?, number = ? WHERE handle = ?", (model_id, number, handle.id))
        return replace(handle, model_id=model_id, number=number)

    def forget_old(self) -> None:
        """Forget uploads that were announced long ago and never came."""
        with self._lock, database.immediate(self._connection, _KIND):
            self._connection.execute(
                "DELETE FROM handles WHERE model_id IS NULL AND created < ?", (self._clock.now() - FORGOTTEN_SECONDS,)
            )

    def forget(self, handle: Handle) -> None:
        """Forget a handle."""
        with self._lock, database.immediate(self._connection, _KIND):
            self._connection.execute("DELETE FROM handles WHERE handle = ?", (handle.id,))


def _any_id() -> str:
    return "mo" + "".join(secrets.choice(_ALPHABET) for _ in range(13))


def _handle(row: sqlite3.Row) -> Handle:
    return Handle(
        row["handle"],
        row["team"],
        row["name"],
        ModelType.parse(row["model_type"]),
        row["project"],
        row["notes"],
        loads(row["summary"]),
        row["dataset"],
        row["created"],
        row["model_id"],
        row["number"],
    )
