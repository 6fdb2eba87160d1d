"""The index of a repository: the one class that the server speaks to."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from modelwatch.core.database import state_error
from modelwatch.core.digest import Digest
from modelwatch.core.errors import DamagedError, StateError
from modelwatch.repository.deleted import Deleted
from modelwatch.repository.index import counting, lists
from modelwatch.repository.index.answers import (
    Counts,
    ExperimentVersion,
    IndexedExperiment,
    IndexedModel,
    IndexedVersion,
    Page,
    Point,
    TagUse,
    Totals,
)
from modelwatch.repository.index.connections import Connections
from modelwatch.repository.index.deleted import deleted, latest_deletion
from modelwatch.repository.index.file import INDEX, IndexFile
from modelwatch.repository.index.following import Part, follow, follow_one, parts
from modelwatch.repository.index.outside import data, limited, text_of
from modelwatch.repository.index.queries import ModelQuery, VersionQuery
from modelwatch.repository.index.rows import find_model, models_at, number_of, versions_at
from modelwatch.repository.index.sums import Sums, generation
from modelwatch.repository.index.taking import VERSIONS
from modelwatch.repository.layout import Place, decode_name, encode_name
from modelwatch.repository.opening import read_header
from modelwatch.repository.reading import MalformedError, Problem
from modelwatch.repository.renaming import find_place
from modelwatch.repository.storage.directory import failures_are_of_state
from modelwatch.repository.view import LATEST, RepositoryView

T = TypeVar("T")


class Index:
    """
    The index of a repository, open. A context manager. Threads may share it, and processes may share its file.

    It shows what was found when the directory, or a model's, was followed last. Names of teams and models that are not there give empty answers. A file that is
    damaged, of another repository or of another modelwatch is dropped and built again, whenever that is noticed.

    Every method raises StateError when the index or the repository cannot be read, and DiskFullError when there is no room for it.

    Args:
        path: The file, on a local disk; made when it is missing.

        repository: What it is an index of.
    """

    def __init__(self, path: Path, repository: RepositoryView) -> None:
        self._repository = repository
        self._file = IndexFile(path, repository.id)
        self._connections = Connections(self._file.connect)
        self._writer = threading.Lock()
        self._sums = Sums()

    @classmethod
    def open(cls, path: Path, repository: RepositoryView) -> Self:
        """Open an index and bring it up to date; the first time, that reads the whole repository."""
        index = cls(path, repository)
        try:
            index.refresh()
        except BaseException:
            index.close()
            raise
        return index

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close it, once nobody asks it anything any more; a second call does nothing."""
        with self._writer:
            self._connections.close()
            self._file.close()

    # ----------------------------------------------------------------------------------------------------------- following

    def refresh(self) -> bool:
        """Follow the whole directory; return whether anything had changed. Cheap when nothing has."""
        return any([*self.look()])

    def look(self) -> Iterator[bool]:
        """
        Follow the directory in parts; give for each whether anything had changed in it.

        Between two parts whoever else writes to the index has their turn, and the caller may wait.
        """
        for part in self._parts():
            with self._writer:
                changed = self._follow_part(part)
            yield changed

    def refresh_model(self, place: Place) -> bool:
        """Follow one model's directory, right after something was written there; return whether anything had changed."""
        with self._writer:
            return self._follow(lambda connection: follow_one(connection, self._repository.storage, self._repository.id, place))

    def _parts(self) -> Iterator[Part]:
        with failures_are_of_state(self._repository.root):
            yield from parts(self._repository.storage)

    def _follow_part(self, part: Part) -> bool:
        return self._follow(partial(follow, storage=self._repository.storage, repository_id=self._repository.id, part=part))

    def _follow(self, take: Callable[[sqlite3.Connection], bool]) -> bool:
        """Write what came; what the directory holds again, when the index proves to be damaged. The writer's lock is held."""
        self._require_same_repository()
        if not self._file.is_there():
            with self._connections.withheld():
                self._file.use()
        try:
            return self._with_connection(take)
        except DamagedError as error:
            self._begin_anew(error)
            return True

    def _require_same_repository(self) -> None:
        header = read_header(self._repository.root)
        if header is None or header.id != self._repository.id:
            raise StateError(f"the repository {self._repository.root} is gone", hint="is its volume still mounted?")

    def _begin_anew(self, why: DamagedError) -> None:
        with self._connections.withheld():
            self._file.replace(str(why))
        for part in self._parts():
            self._with_connection(partial(follow, storage=self._repository.storage, repository_id=self._repository.id, part=part))

    # ------------------------------------------------------------------------------------------------------------- asking

    def _with_connection(self, work: Callable[[sqlite3.Connection], T]) -> T:
        try:
            with failures_are_of_state(self._repository.root), self._connections.lend() as connection:
                return work(connection)
        except sqlite3.DatabaseError as error:
            raise state_error(error, INDEX, f"cannot read the index {self._file.path}") from error
        except (MalformedError, ValueError, LookupError) as error:
            raise DamagedError(f"the index {self._file.path} is damaged: {error}") from error

    def _ask(self, read: Callable[[sqlite3.Connection], T]) -> T:
        """Return an answer that is of one moment; from an index that is built again, when this one proves to be damaged."""

        def at_once(connection: sqlite3.Connection) -> T:
            connection.execute("BEGIN")
            answer = read(connection)
            connection.execute("COMMIT")
            return answer

        serial = self._file.serial
        try:
            return self._with_connection(at_once)
        except DamagedError as error:
            with self._writer:
                if self._file.serial == serial:
                    self._begin_anew(error)
            return self._with_connection(at_once)

    @property
    def generation(self) -> int:
        """A number that grows with every change that was seen, also by other processes, and when the index is built again."""
        return self._ask(generation)

    def changed_since(self, team: str, generation: int, limit: int, *, public: bool = False) -> tuple[str, ...]:
        """
        Return the ids of a team's models that have changed since a generation, the latest change last.

        Args:
            team: The owner.

            generation: As `generation` was.

            limit: How many at most.

            public: Only those that are published; else all, shown or not.
        """
        # Strangers are answered from what is published: the time that it takes would tell how much else has changed.
        source = (
            "models m INDEXED BY models_public CROSS JOIN places p ON p.id = m.place AND m.team = ?1 AND m.public"
            if public
            else "places p"
        )
        query = f"SELECT p.model FROM {source} WHERE p.team = ?1 AND p.generation > ?2 ORDER BY p.generation LIMIT ?3"  # noqa: S608 - constants

        def read(connection: sqlite3.Connection, part: bytes) -> tuple[str, ...]:
            rows = connection.execute(query, (part, limited(generation), limit))
            return tuple(Place(text_of(part), text_of(row[0])).model_id(self._repository.id) for row in rows)

        return self._ask_about(team, (), read)

    # -------------------------------------------------------------------------------------------------------------- models

    def models(self, team: str, query: ModelQuery) -> Page[IndexedModel]:
        """Return a team's models. Raise UsageError for a cursor that is not of this question."""
        return self._ask_about(team, Page((), None), lambda connection, part: _models(connection, part, query, team))

    def public_models(self, query: ModelQuery) -> Page[IndexedModel]:
        """Return the models that any team has published. Raise UsageError for a cursor that is not of this question."""
        return self._ask(lambda connection: _models(connection, None, replace(query, public=True), ""))

    def model(self, team: str, name_or_id: str) -> IndexedModel | None:
        """Return a model of a team by its name or its id, or None."""

        def read(connection: sqlite3.Connection, row: sqlite3.Row) -> IndexedModel | None:
            return models_at(connection, [row["place"]])[0]

        return self._ask_about_model(team, name_or_id, None, read)

    # ------------------------------------------------------------------------------------------------------------ versions

    def versions(self, team: str, model: str, query: VersionQuery) -> Page[IndexedVersion]:
        """Return versions of a team's model, named as for `model`. Raise UsageError for a cursor that is not of this question."""

        def read(connection: sqlite3.Connection, row: sqlite3.Row) -> Page[IndexedVersion]:
            conditions, parameters = lists.version_filter(row["place"], query)
            parameters["few"] = few = lists.few_versions(connection, row["place"], query, conditions, parameters)
            legs = lists.version_legs(query, conditions, few=few is not None)
            items, following = lists.page(connection, legs, parameters, query, query.question(row["id"]))
            return Page(versions_at(connection, row, items), following)

        return self._ask_about_model(team, model, Page((), None), read)

    def version(self, team: str, model: str, wanted: str = LATEST) -> IndexedVersion | None:
        """
        Return a live version of a team's model, or None.

        Args:
            team: The owner.

            model: As for `model`.

            wanted: A number, ``latest``, an alias, or ``best``, which without an alias of that name is the best by its metrics.
        """

        def find(connection: sqlite3.Connection, row: sqlite3.Row) -> IndexedVersion | None:
            number = number_of(connection, row, wanted)
            return None if number is None else versions_at(connection, row, [number])[0]

        return self._ask_about_model(team, model, None, find)

    def points(self, team: str, model: str) -> tuple[Point, ...]:
        """Return the metrics of a model's live versions, by number."""
        return self._ask_about_model(team, model, (), lambda connection, row: counting.points(connection, row["place"]))

    # ------------------------------------------------------------------------------------------------------------- a team

    def tags(self, team: str, limit: int) -> tuple[TagUse, ...]:
        """Return the tags of a team's models, those that most of them have first."""
        return self._sum_of(f"tags {limit}", team, (), lambda connection, part: counting.tags(connection, part, limit))

    def awaited(self, team: str) -> tuple[Place, ...]:
        """Return where runs of a team's models were told of that never had a version, the latest change first: not very many."""
        return self._sum_of("awaited", team, (), counting.awaited)

    def metric_names(self, team: str) -> tuple[str, ...]:
        """Return the names of the metrics that a team's models can be sorted by, sorted."""
        return self._sum_of("metric names", team, (), counting.metric_names)

    def experiments(self, team: str) -> tuple[IndexedExperiment, ...]:
        """Return a team's experiments, the one with the newest version first."""
        return self._ask_about(team, (), counting.experiments)

    def experiment(self, team: str, identifier: str) -> IndexedExperiment | None:
        """Return an experiment of a team, or None when no live version came from it."""

        def find(connection: sqlite3.Connection, part: bytes) -> IndexedExperiment | None:
            return next(iter(counting.experiments(connection, part, identifier)), None)

        return self._ask_about(team, None, find)

    def experiment_versions(self, team: str, identifier: str) -> tuple[ExperimentVersion, ...]:
        """Return the live versions of a team that came from an experiment, oldest first."""
        return self._ask_about(team, (), lambda connection, part: counting.experiment_versions(connection, part, identifier))

    def counts(self, team: str) -> Counts:
        """Return how much there is of a team's."""
        return self._sum_of("counts", team, Counts(0, 0, 0, 0, 0), counting.counts)

    def deleted(self, team: str, now: float) -> tuple[Deleted, ...]:
        """Return what of a team's was deleted and can be restored at a time, in seconds since the epoch, the latest deletion first."""
        return self._ask_about(team, (), lambda connection, part: deleted(connection, part, self._repository.id, now))

    def latest_deletion(self, team: str, model: str) -> str:
        """Return the name of the latest event that deleted a model, named as for `model`, and was not taken back; empty when there is none."""
        return self._ask_about_model(team, model, "", lambda connection, row: latest_deletion(connection, row["place"]))

    def totals(self) -> Totals:
        """Return how much there is of all teams' together."""
        return self._ask(counting.totals)

    def teams(self) -> tuple[str, ...]:
        """Return the teams that have models, sorted."""
        rows = self._ask(lambda connection: connection.execute("SELECT DISTINCT team FROM models").fetchall())
        names = (decode_name(text_of(row[0])) for row in rows)
        return tuple(sorted(name for name in names if name is not None))

    def place(self, team: str, model: str) -> Place | None:
        """Return where a model is that is named as for `model`, or None."""

        def find(connection: sqlite3.Connection, row: sqlite3.Row) -> Place:
            found = connection.execute("SELECT team, model FROM places WHERE id = ?", (row["place"],)).fetchone()
            return Place(text_of(found["team"]), text_of(found["model"]))

        return self._ask_about_model(team, model, None, find)

    def has_content(self, team: str, digest: Digest) -> bool:
        """Return whether a registration of a team, of a deleted version too, has this content in the repository."""
        query = "SELECT 1 FROM contents WHERE team = ? AND digest = ? LIMIT 1"
        return self._ask_about(
            team,
            False,
            lambda connection, part: connection.execute(query, (part, bytes.fromhex(digest.hex))).fetchone() is not None,
        )

    def problems(self) -> tuple[Problem, ...]:
        """Return the documents of all teams that readers ignore, and why."""
        query = (
            "SELECT p.team, p.model, x.kind, x.name, x.reason FROM problems x JOIN places p ON p.id = x.place ORDER BY 1, 2, 3, 4"
        )
        rows = self._ask(lambda connection: connection.execute(query).fetchall())
        return tuple(_problem(row) for row in rows)

    # ----------------------------------------------------------------------------------------------------------- whose it is

    def _ask_about(self, team: str, nothing: T, read: Callable[[sqlite3.Connection, bytes], T]) -> T:
        """Return what is read for a team's encoded name, `nothing` when no team can be called so."""
        if not team:
            return nothing
        part = data(encode_name(team))
        return self._ask(lambda connection: read(connection, part))

    def _sum_of(self, what: str, team: str, nothing: T, read: Callable[[sqlite3.Connection, bytes], T]) -> T:
        """Return what is read of all of a team's, as `_ask_about`; what was read before, as long as nothing has changed in the repository."""
        return self._ask_about(team, nothing, lambda connection, part: self._sums.get(connection, what, part, read))

    def _ask_about_model(self, team: str, model: str, nothing: T, read: Callable[[sqlite3.Connection, sqlite3.Row], T]) -> T:
        """Return what is read for the row of a model, `nothing` when there is none. Where a name leads is looked up in the repository."""
        if not team or not model:
            return nothing
        with failures_are_of_state(self._repository.root):
            place = find_place(self._repository.storage, team, model)

        def find(connection: sqlite3.Connection) -> T:
            row = find_model(connection, place, model)
            return nothing if row is None else read(connection, row)

        return self._ask(find)


def _models(connection: sqlite3.Connection, part: bytes | None, query: ModelQuery, team: str) -> Page[IndexedModel]:
    conditions, parameters = lists.model_filter(part, query)
    parameters["few"] = few = lists.few_models(connection, query, conditions, parameters)
    legs = lists.model_legs(query, conditions, few=few is not None)
    items, following = lists.page(connection, legs, parameters, query, query.question(team))
    return Page(models_at(connection, items, with_best=query.with_best), following)


def _problem(row: sqlite3.Row) -> Problem:
    place = Place(text_of(row["team"]), text_of(row["model"]))
    name = text_of(row["name"])
    return Problem(
        place.version(int(name)) if row["kind"] == VERSIONS else f"{place.prefix}/{row['kind']}/{name}", text_of(row["reason"])
    )
