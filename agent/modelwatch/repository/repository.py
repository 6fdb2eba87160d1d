"""
The model repository in a directory: the one class that the sink, the command line and the server speak to.

Many processes may use one directory at once. Writers hold the repository's lock shared, so that collecting garbage, which holds it
alone, cannot remove what they are about to refer to; and the lock of their model while they take a number or append an event.
Lock order: repository, then model. Readers take no lock.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from modelwatch.core.entities import Amendment, ModelVersion, Receipt, RegisteredModel, Registration, Snapshot, Storage
from modelwatch.core.errors import NotFoundError, PermanentError, StateError, TransientError, UsageError
from modelwatch.core.json import dumps, loads
from modelwatch.repository.events import Event, MetricsReplaced, ModelDeleted, NotesSet, TagsChanged, VersionDeleted
from modelwatch.repository.garbage import Collected, collect_garbage
from modelwatch.repository.layout import LOCK, Place, encode_name
from modelwatch.repository.opening import ensure_header, read_header
from modelwatch.repository.reading import (
    Contents,
    Problem,
    find_number,
    model_of,
    places,
    read_contents,
    read_subject,
)
from modelwatch.repository.storage.directory import DirectoryStorage, failures_are_of_state, failures_are_transient
from modelwatch.repository.writing import append_event, claim, receipt, store_blobs

LATEST = "latest"
"""Names the live version with the highest number; no alias can be called so."""


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


class Repository:
    """
    A repository that exists. Holds nothing open.

    Attributes:
        id: From its header.
        storage: Its keys.
    """

    def __init__(self, storage: DirectoryStorage, identifier: str) -> None:
        self.storage = storage
        self.id = identifier

    @classmethod
    def open(cls, root: Path | str, *, create: bool = False) -> Repository:
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

    @contextlib.contextmanager
    def changing(self) -> Iterator[None]:
        """
        Hold the repository's lock shared, having made sure that it is still the same one: a volume may have been unmounted.

        Raises:
            TransientError: It is gone, or a write inside failed.
        """
        with failures_are_transient(self.root):
            self._require_same()
            with self.storage.locked(LOCK, shared=True):
                yield

    def _require_same(self) -> None:
        try:
            header = read_header(self.root)
        except StateError as error:
            raise TransientError(error.message, hint=error.hint) from error
        if header is None or header.id != self.id:
            raise TransientError(f"the repository {self.root} is gone", hint="is its volume still mounted?")

    @contextlib.contextmanager
    def changing_model(self, place: Place) -> Iterator[None]:
        """Hold the lock of a model, inside `changing`."""
        with self.storage.locked(place.lock):
            yield

    # ---------------------------------------------------------------------------------------------------------- registering

    def register(self, registration: Registration, snapshot: Snapshot | None) -> Receipt:
        """
        Make a version, or return the receipt of the one that has this key already, even when that was deleted since.

        Args:
            registration: What to register.

            snapshot: The files; None for `Storage.REFERENCE`.

        Raises:
            PermanentError: A name is empty, or the snapshot does not hold the files.

            TransientError: The repository cannot be written now.
        """
        try:
            place = Place.of(registration.team, registration.model)
        except ValueError as error:
            raise PermanentError(f"team {registration.team!r}, model {registration.model!r}: {error}") from error
        with self.changing():
            known = find_number(self.storage, place, registration.key)
            if known is not None:
                return receipt(self.storage, place, registration.model, known)
            if registration.storage is Storage.COPY:
                if snapshot is None:
                    raise PermanentError(
                        f"model {registration.model!r}: its files are to be copied but there is no snapshot of them"
                    )
                store_blobs(self.storage, registration.manifest, snapshot)
            with self.changing_model(place):
                return claim(self.storage, place, registration, time.time())

    def amend(self, amendment: Amendment) -> Receipt:
        """
        Replace a version's metrics. The same amendment twice changes nothing the second time.

        Raises:
            PermanentError: There is no such version, or it was deleted.

            TransientError: The repository cannot be written now.
        """
        place = Place.of(amendment.team, amendment.model)
        key = amendment.registration_key
        with self.changing():
            number = find_number(self.storage, place, key)
            if number is None:
                raise PermanentError(f"model {amendment.model!r} has no version with the registration {key}")
            with self.changing_model(place):
                subject = read_subject(self.storage, place, key)
                if subject.deleted:
                    raise PermanentError(f"model {amendment.model!r}: version {number} was deleted")
                if subject.replaced is None or subject.replaced.metrics != amendment.metrics:
                    append_event(self.storage, place, key, MetricsReplaced(time.time(), key, amendment.metrics))
            return receipt(self.storage, place, amendment.model, number)

    # -------------------------------------------------------------------------------------------------------------- reading

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
        known = ", ".join(sorted(model.name for model in self.models(team))[:8])
        raise NotFoundError(
            f"there is no model {name!r} of team {team!r} in {self.root}",
            hint=f"there are: {known}" if known else "it has no models",
        )

    def _places_called(self, name: str, team: str) -> Iterator[Place]:
        if name:
            yield Place.of(team, name)
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
        number = int(version) if version.isascii() and version.isdigit() else self._alias(contents.place, version)
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

    def _alias(self, place: Place, alias: str) -> int | None:
        try:
            data = self.storage.read(place.alias(alias)) if alias else None
            return None if data is None else int(loads(data)["number"])
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def problems(self) -> tuple[Problem, ...]:
        """Return every document that readers ignore, and why. Raise StateError."""
        return self.listing().problems

    # ------------------------------------------------------------------------------------------------------------- changing

    def tag(self, name: str, tags: tuple[str, ...], *, team: str, version: str | None = None) -> None:
        """Add tags to a model, or to one version of it. Raise NotFoundError, TransientError."""
        place, key = self._subject(name, team, version)
        self.append(place, key, TagsChanged(time.time(), key, tags, ()))

    def untag(self, name: str, tags: tuple[str, ...], *, team: str, version: str | None = None) -> None:
        """Remove tags from a model, or from one version of it. Raise NotFoundError, TransientError."""
        place, key = self._subject(name, team, version)
        self.append(place, key, TagsChanged(time.time(), key, (), tags))

    def note(self, name: str, text: str, *, team: str, version: str | None = None) -> None:
        """Replace the notes on a model, or on one version of it. Raise NotFoundError, TransientError."""
        place, key = self._subject(name, team, version)
        self.append(place, key, NotesSet(time.time(), key, text))

    def _subject(self, name: str, team: str, version: str | None) -> tuple[Place, str | None]:
        contents = self.seen(name, team=team)[1]
        if version is None:
            return contents.place, None
        return contents.place, contents.documents[self.version(name, version, team=team).number].key

    def append(self, place: Place, registration_key: str | None, event: Event) -> None:
        """Append an event to a model's, about one version or, with None, the model itself. Raise TransientError."""
        with self.changing(), self.changing_model(place):
            append_event(self.storage, place, registration_key, event)

    def set_alias(self, name: str, alias: str, version: str, *, team: str) -> int:
        """
        Let an alias name a version from now on, and return the version's number.

        Raises:
            UsageError: The alias could be taken for a number or for ``latest``.

            NotFoundError, TransientError: As elsewhere.
        """
        if not alias or alias == LATEST or alias.isdigit():
            raise UsageError(f"not an alias: {alias!r}", hint="an alias is neither a number nor `latest`")
        number = self.version(name, version, team=team).number
        place = self.seen(name, team=team)[1].place
        with self.changing(), self.changing_model(place):
            self.storage.replace(place.alias(alias), dumps({"number": number, "time": time.time()}).encode("ascii"))
        return number

    def delete_version(self, name: str, version: str, *, team: str) -> ModelVersion:
        """
        Delete a version for good and return what it was. Its content goes with the next `collect_garbage`.

        Raises:
            NotFoundError, TransientError: As elsewhere.
        """
        found = self.version(name, version, team=team)
        self._delete(self.seen(name, team=team)[1], (found,))
        return found

    def delete_model(self, name: str, *, team: str) -> RegisteredModel:
        """
        Delete a model with all its versions, its tags and its notes, and return what it was.

        A version registered later under the name starts a new model, whose numbers go on.

        Raises:
            NotFoundError, TransientError: As elsewhere.
        """
        model, contents = self.seen(name, team=team)
        self._delete(contents, model.versions)
        self.append(contents.place, None, ModelDeleted(time.time(), contents.highest))
        return model

    def _delete(self, contents: Contents, versions: tuple[ModelVersion, ...]) -> None:
        for version in versions:
            key = contents.documents[version.number].key
            self.append(contents.place, key, VersionDeleted(time.time(), key))

    def delete_versions_of(self, model: RegisteredModel, versions: tuple[ModelVersion, ...]) -> None:
        """Delete some versions of a model. Raise TransientError."""
        self._delete(read_contents(self.storage, Place.of(model.team, model.name)), versions)

    def collect_garbage(self, *, wait: bool = True) -> Collected:
        """
        Remove the content that no version needs any more.

        Raises:
            LockedError: Something is being registered and `wait` is false.

            TransientError: The repository cannot be written now.
        """
        with failures_are_transient(self.root):
            self._require_same()
            return collect_garbage(self.storage, wait=wait)
