"""
The model repository in a directory: the one class that the sink, the command line and the server speak to.

Many processes may use one directory at once. Writers hold the repository's lock shared, so that collecting garbage, which holds it
alone, cannot remove what they are about to refer to; and the lock of their model while they take a number or append an event.
Lock order: repository, then model. Readers take no lock.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator

from modelwatch.core.entities import (
    Amendment,
    ModelVersion,
    Receipt,
    RegisteredModel,
    Registration,
    RunReport,
    Snapshot,
    Storage,
)
from modelwatch.core.errors import NotFoundError, PermanentError, StateError, TransientError, UsageError
from modelwatch.core.json import dumps
from modelwatch.repository.events import Event, MetricsReplaced, ModelDeleted, NotesSet, Published, TagsChanged, VersionDeleted
from modelwatch.repository.garbage import Collected, collect_garbage
from modelwatch.repository.layout import LOCK, Place
from modelwatch.repository.opening import read_header
from modelwatch.repository.reading import Contents, find_number, read_contents, read_subject
from modelwatch.repository.restoring import restore_model, restore_version
from modelwatch.repository.runs import write_report
from modelwatch.repository.storage.directory import DirectoryStorage, failures_are_transient
from modelwatch.repository.view import LATEST, Listing, RepositoryView
from modelwatch.repository.writing import append_event, claim, receipt, require_blobs, store_blobs

__all__ = ["LATEST", "Listing", "Repository"]


def _as_it_is(_storage: DirectoryStorage, _place: Place, registration: Registration) -> Registration:
    return registration


class Repository(RepositoryView):
    """A repository that exists, to be read and to be written to. Holds nothing open."""

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

    def place_called(self, name: str, *, team: str) -> Place:
        """Return where a model of this name is, or would be. Raise PermanentError when a name is empty."""
        try:
            return Place.of(team, name)
        except ValueError as error:
            raise PermanentError(f"team {team!r}, model {name!r}: {error}") from error

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
        with self.changing():
            place = self.place_called(registration.model, team=registration.team)
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

    def register_stored(self, registration: Registration) -> Receipt:
        """
        Make a version of content that is in the repository already, or return a receipt as `register` does.

        Raises:
            MissingContentError: Some of the content is not there.

            PermanentError: A name is empty, or it is by reference.

            TransientError: The repository cannot be written now.
        """
        with self.changing():
            return self.claim_stored(registration)

    def claim_stored(
        self,
        registration: Registration,
        *,
        choose: Callable[[DirectoryStorage, Place, Registration], Registration] = _as_it_is,
    ) -> Receipt:
        """Do what `register_stored` does, inside `changing`; `choose` has the last word on the registration, its model's lock held."""
        place = self.place_called(registration.model, team=registration.team)
        with self.changing_model(place):
            chosen = choose(self.storage, place, registration)
            known = find_number(self.storage, place, chosen.key)
            if known is not None:
                return receipt(self.storage, place, chosen.model, known)
            require_blobs(self.storage, chosen)
            return claim(self.storage, place, chosen, time.time())

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

    def report(self, report: RunReport) -> None:
        """
        Put a report in the place of the run's earlier ones. It makes no model: one without versions is not shown.

        Raises:
            PermanentError: A name is empty.

            TransientError: The repository cannot be written now.
        """
        try:
            place = Place.of(report.team, report.model)
        except ValueError as error:
            raise PermanentError(f"team {report.team!r}, model {report.model!r}: {error}") from error
        with self.changing():
            write_report(self.storage, place, report)

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

    def publish(self, name: str, *, team: str, public: bool = True) -> RegisteredModel:
        """Let anyone read a model, or with `public` false its team alone, and return it. Raise NotFoundError, TransientError."""
        model, contents = self.seen(name, team=team)
        if model.public != public:
            self.append(contents.place, None, Published(time.time(), public))
        return self.seen_at(contents.place)

    # ------------------------------------------------------------------------------------------------- deleting and restoring

    def delete_version(self, name: str, version: str, *, team: str, keep_seconds: float = 0.0) -> ModelVersion:
        """
        Delete a version and return what it was.

        Args:
            name: The model's name or id.

            version: A number, ``latest`` or an alias.

            team: Whose model.

            keep_seconds: How long its content stays, so that it can be restored; 0: it goes with the next `collect_garbage`.

        Raises:
            NotFoundError, TransientError: As elsewhere.
        """
        found = self.version(name, version, team=team)
        self._delete(self.seen(name, team=team)[1], (found,), keep_seconds)
        return found

    def delete_model(self, name: str, *, team: str, keep_seconds: float = 0.0) -> RegisteredModel:
        """
        Delete a model with all its versions, its tags and its notes, and return what it was.

        A version registered later under the name starts a new model, whose numbers go on.

        Args:
            name: Its name or id.

            team: Whose model.

            keep_seconds: As for `delete_version`.

        Raises:
            NotFoundError, TransientError: As elsewhere.
        """
        model, contents = self.seen(name, team=team)
        self._delete(contents, model.versions, keep_seconds, with_model=True)
        now = time.time()
        self.append(contents.place, None, ModelDeleted(now, contents.highest, _keep_until(now, keep_seconds)))
        return model

    def delete_versions_of(self, model: RegisteredModel, versions: tuple[ModelVersion, ...], *, keep_seconds: float = 0.0) -> None:
        """Delete some versions of a model, keeping their content as `delete_version` does. Raise NotFoundError, TransientError."""
        self._delete(self.seen(model.id, team=model.team)[1], versions, keep_seconds)

    def _delete(
        self, contents: Contents, versions: tuple[ModelVersion, ...], keep_seconds: float, *, with_model: bool = False
    ) -> None:
        for version in versions:
            key = contents.documents[version.number].key
            now = time.time()
            self.append(contents.place, key, VersionDeleted(now, key, _keep_until(now, keep_seconds), with_model))

    def restore_version(self, name: str, version: str, *, team: str) -> ModelVersion:
        """
        Take the deletion of a version back, and return it as it is again. One that is not deleted stays as it is.

        Args:
            name: The model's name or id.

            version: A number or an alias.

            team: Whose model.

        Raises:
            NotFoundError: There is no such version, or its whole model was deleted.

            PermanentError: Its content was removed.

            TransientError: The repository cannot be written now.
        """
        place = self.known(name, team=team).place
        number = self.number(place, version)
        if number is None:
            raise NotFoundError(f"model {name!r} never had a version {version}", hint="give the number of a deleted version")
        with self.changing(), self.changing_model(place):
            restore_version(self.storage, read_contents(self.storage, place), number, name)
        return self.version(name, str(number), team=team)

    def restore_model(self, name: str, *, team: str) -> RegisteredModel:
        """
        Take the latest deletion of a model back, and return it as it is again, with the versions that it took along.

        Versions that had been deleted before it stay deleted. What was registered since under its name is of it too.

        Raises:
            NotFoundError: There never was such a model.

            PermanentError: The content of a version was removed. Nothing was restored.

            TransientError: The repository cannot be written now.
        """
        place = self.known(name, team=team).place
        with self.changing(), self.changing_model(place):
            restore_model(self.storage, read_contents(self.storage, place), name)
        return self.seen_at(place)

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


def _keep_until(now: float, keep_seconds: float) -> float:
    return now + keep_seconds if keep_seconds > 0 else 0.0
