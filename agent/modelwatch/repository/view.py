"""A repository as those see it who only look: takes no lock, writes nothing, holds nothing open."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from modelwatch.core.entities import ModelVersion, RegisteredModel, RunReport
from modelwatch.core.errors import NotFoundError
from modelwatch.repository.deleted import Deleted, find_deleted
from modelwatch.repository.layout import Place, encode_name
from modelwatch.repository.opening import ensure_header, read_header
from modelwatch.repository.reading import Contents, MalformedError, Problem, places, read_alias, read_contents
from modelwatch.repository.renaming import find_place
from modelwatch.repository.runs import latest_reports, read_report, read_reports
from modelwatch.repository.showing import model_of
from modelwatch.repository.storage.directory import DirectoryStorage, failures_are_of_state, failures_are_transient

LATEST = "latest"
"""Names the live version with the highest number; no alias can be called so."""

_LONGEST_NUMBER = 15


@dataclass(frozen=True, slots=True)
class Listing:
    """
    What a repository shows.

    Attributes:
        models: Sorted by team and name.
        problems: Documents that were ignored.
    """

    models: tuple[RegisteredModel, ...]
    problems: tuple[Problem, ...]


class RepositoryView:
    """
    A repository that exists.

    Attributes:
        id: From its header.
        storage: Its keys.
    """

    def __init__(self, storage: DirectoryStorage, identifier: str) -> None:
        self.storage = storage
        self.id = identifier

    @classmethod
    def open(cls, root: Path | str, *, create: bool = False) -> Self:
        """
        Open the repository in a directory.

        Args:
            root: The directory.

            create: Make it when the directory is missing or empty.

        Raises:
            NotFoundError: There is none and `create` is false.

            StateError: The directory is something else, or of a newer format.

            TransientError: It cannot be made.
        """
        path = Path(root).absolute()
        if create:
            with failures_are_transient(path):
                header = ensure_header(path)
        else:
            found = read_header(path)
            if found is None:
                raise NotFoundError(
                    f"there is no repository in {path}",
                    hint="`modelwatch run` and `modelwatch models upload` make it when they register the first version",
                )
            header = found
        return cls(DirectoryStorage(path), header.id)

    @property
    def root(self) -> Path:
        """Where it is."""
        return self.storage.root

    def listing(self, team: str | None = None) -> Listing:
        """Return the models of a team, or of all teams, and what could not be read. Raise StateError when nothing can."""
        part = None if team is None else encode_name(team)
        with failures_are_of_state(self.root):
            contents = [read_contents(self.storage, place) for place in places(self.storage, part)]
        found = [model for each in contents if (model := model_of(each, self.id)) is not None]
        found.sort(key=lambda model: (model.team, model.name))
        return Listing(tuple(found), tuple(problem for each in contents for problem in each.problems))

    def models(self, team: str | None = None) -> tuple[RegisteredModel, ...]:
        """Return the models of a team, or of all teams, sorted by team and name. Raise StateError."""
        return self.listing(team).models

    def model(self, name: str, *, team: str) -> RegisteredModel:
        """
        Return a model of a team by its name or its id.

        Raises:
            NotFoundError: There is none.
        """
        return self.seen(name, team=team)[0]

    def seen(self, name: str, *, team: str) -> tuple[RegisteredModel, Contents]:
        """Return a model as `model` does, and what its directory holds."""
        with failures_are_of_state(self.root):
            for place in self._places_called(name, team):
                contents = read_contents(self.storage, place)
                model = model_of(contents, self.id)
                if model is not None:
                    return model, contents
        raise self._not_found(name, team)

    def seen_at(self, place: Place) -> RegisteredModel:
        """Return the model at a place. Raise NotFoundError when it is not shown."""
        with failures_are_of_state(self.root):
            model = model_of(read_contents(self.storage, place), self.id)
        if model is None:
            raise NotFoundError("the model was deleted meanwhile")
        return model

    def contents_of(self, model: RegisteredModel) -> Contents:
        """Return what the directory of a model holds that was seen before. Raise NotFoundError when there is none of its id."""
        with failures_are_of_state(self.root):
            place = find_place(self.storage, model.team, model.name)
            if place.model_id(self.id) == model.id:
                return read_contents(self.storage, place)
        return self.known(model.id, team=model.team)

    def known(self, name: str, *, team: str) -> Contents:
        """Return what the directory of a model holds that has or had a version, whether or not it was deleted. Raise NotFoundError."""
        with failures_are_of_state(self.root):
            for place in self._places_called(name, team):
                contents = read_contents(self.storage, place)
                if contents.documents:
                    return contents
        raise self._not_found(name, team)

    def _not_found(self, name: str, team: str) -> NotFoundError:
        known = ", ".join(sorted(model.name for model in self.models(team))[:8])
        return NotFoundError(
            f"there is no model {name!r} of team {team!r} in {self.root}",
            hint=f"there are: {known}" if known else "it has no models",
        )

    def _places_called(self, name: str, team: str) -> Iterator[Place]:
        if name:
            yield find_place(self.storage, team, name)
        for place in places(self.storage, encode_name(team)):
            if place.model_id(self.id) == name:
                yield place

    def version(self, name: str, version: str = LATEST, *, team: str) -> ModelVersion:
        """
        Return a version of a model.

        Args:
            name: The model's name or id.

            version: A number, ``latest`` or an alias.

            team: Whose model.

        Raises:
            NotFoundError: There is none, or it was deleted.
        """
        model, contents = self.seen(name, team=team)
        if version == LATEST:
            if model.latest is None:
                raise NotFoundError(f"every version of model {model.name!r} was deleted")
            return model.latest
        number = self.number(contents.place, version)
        for candidate in model.versions:
            if candidate.number == number:
                return candidate
        deleted = number is not None and number in contents.documents
        raise NotFoundError(
            f"version {version} of model {model.name!r} was deleted"
            if deleted
            else f"model {model.name!r} has no version {version}",
            hint=f"the latest is {model.latest.number}" if model.latest else "every version was deleted",
        )

    def number(self, place: Place, version: str) -> int | None:
        """Return the number that a number or an alias of a model means, None for an alias that it does not have."""
        if version.isascii() and version.isdigit():
            return int(version) if len(version) <= _LONGEST_NUMBER else 0
        return self._alias(place, version)

    def _alias(self, place: Place, alias: str) -> int | None:
        try:
            found = read_alias(self.storage, place.alias(alias)) if alias else None
        except MalformedError:
            return None
        return None if found is None else found[1]

    def aliases(self, name: str, *, team: str) -> dict[str, int]:
        """Return a model's aliases, sorted, and the number of each, of a deleted version too. Raise NotFoundError."""
        return self.seen(name, team=team)[1].aliases

    def runs(self, name: str, *, team: str) -> tuple[RunReport, ...]:
        """
        Return what is known of the runs of a model, in the order in which they started.

        Args:
            name: The model's name or id; also of one that has no version yet.

            team: Whose model.

        Raises:
            NotFoundError: There is neither such a model nor a run of it.
        """
        with failures_are_of_state(self.root):
            for place in self._places_called(name, team):
                if reports := read_reports(self.storage, place):
                    return reports
        self.model(name, team=team)
        return ()

    def runs_at(self, place: Place, deleted: str) -> tuple[RunReport, ...]:
        """
        Return what is known of the runs of the model at a place, in the order in which they started: no other model is looked at.

        Args:
            place: Where the model is.

            deleted: The name of its latest deletion that stands, empty when none does.
        """
        with failures_are_of_state(self.root):
            return read_reports(self.storage, place, deleted)

    def run(self, name: str, run: str, *, team: str) -> RunReport:
        """
        Return what is known of one run of a model.

        Raises:
            NotFoundError: There is no such model, or no such run of it.
        """
        with failures_are_of_state(self.root):
            for place in self._places_called(name, team):
                if (report := read_report(self.storage, place, run)) is not None:
                    return report
        known = ", ".join(report.run for report in self.runs(name, team=team)[-8:])
        raise NotFoundError(
            f"nothing is known of a run {run!r} of model {name!r}", hint=f"there are: {known}" if known else "none has reported"
        )

    def latest_runs(self, team: str, limit: int) -> tuple[RunReport, ...]:
        """Return the runs of a team that were told of last, whether or not their models have a version; the latest first. Raise StateError."""
        with failures_are_of_state(self.root):
            return latest_reports(self.storage, places(self.storage, encode_name(team)), limit)

    def latest_runs_at(self, models: Iterable[Place], limit: int) -> tuple[RunReport, ...]:
        """Return the runs of the models at some places that were told of last, the latest first. Raise StateError."""
        with failures_are_of_state(self.root):
            return latest_reports(self.storage, models, limit)

    def deleted(self, team: str, now: float) -> tuple[Deleted, ...]:
        """Return what of a team was deleted and can be restored at a time, what was deleted last first. Raise StateError."""
        with failures_are_of_state(self.root):
            return find_deleted(self.storage, places(self.storage, encode_name(team)), self.id, now)

    def public_models(self) -> tuple[RegisteredModel, ...]:
        """Return the models of all teams that anyone may read, sorted by team and name. Raise StateError."""
        return tuple(model for model in self.models() if model.public)

    def problems(self) -> tuple[Problem, ...]:
        """Return every document that readers ignore, and why. Raise StateError."""
        return self.listing().problems
