"""The model repository in a directory: the one class that the sink, the command line and the server speak to."""

from __future__ import annotations

import time

from modelwatch.core.entities import ModelVersion, RegisteredModel
from modelwatch.core.errors import NotFoundError, UsageError
from modelwatch.core.json import dumps
from modelwatch.core.steps import reached
from modelwatch.repository.events import Event, ModelDeleted, ModelRenamed, NotesSet, Published, TagsChanged, VersionDeleted
from modelwatch.repository.garbage import Collected, collect_garbage
from modelwatch.repository.layout import Place
from modelwatch.repository.reading import Contents, read_contents
from modelwatch.repository.registering import RegisteringRepository
from modelwatch.repository.renaming import lead
from modelwatch.repository.restoring import restore_model, restore_version
from modelwatch.repository.runs import move_reports
from modelwatch.repository.showing import model_of
from modelwatch.repository.storage.directory import failures_are_transient
from modelwatch.repository.view import LATEST, Listing
from modelwatch.repository.writing import append_event

__all__ = ["LATEST", "Listing", "Repository"]


class Repository(RegisteringRepository):
    """A repository that exists, and all that can be done with it. Holds nothing open."""

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
            document = {"alias": alias, "number": number, "time": time.time()}
            self.storage.replace(place.alias(alias), dumps(document).encode("ascii"))
        return number

    def remove_alias(self, name: str, alias: str, *, team: str) -> None:
        """Let an alias name no version any more. Raise NotFoundError when the model has none of that name, TransientError."""
        model, contents = self.seen(name, team=team)
        with self.changing(), self.changing_model(contents.place):
            if not alias or not self.storage.remove(contents.place.alias(alias)):
                known = ", ".join(contents.aliases)
                raise NotFoundError(
                    f"model {model.name!r} has no alias {alias!r}", hint=f"there are: {known}" if known else "it has none"
                )

    def rename(self, name: str, new_name: str, *, team: str) -> RegisteredModel:
        """
        Call a model otherwise from now on, and return it. All of its names lead to it: no training need know of the new one.

        Killed half-way and called again, it completes.

        Args:
            name: The model's name or id.

            new_name: What it is to be called; an earlier name of its own will do.

            team: Whose model.

        Raises:
            UsageError: The new name is empty, or it leads to another model.

            NotFoundError, TransientError: As elsewhere.
        """
        if not new_name:
            raise UsageError("a model needs a name")
        place, own = self.seen(name, team=team)[1].place, Place.of(team, new_name)
        with self.changing():
            if own != place:
                with self.changing_model(own):
                    leads_to = lead(self.storage, own, place)
                    if leads_to != place:
                        raise self._taken(new_name, leads_to)
                    reached("repository.name-led")
                    # Nobody who holds this lock waits for the other: a name whose directory is a model's own was refused.
                    with self.changing_model(place):
                        move_reports(self.storage, own, place)
            with self.changing_model(place):
                if self.seen_at(place).name != new_name:
                    append_event(self.storage, place, None, ModelRenamed(time.time(), new_name))
        return self.seen_at(place)

    def _taken(self, name: str, place: Place) -> UsageError:
        other = model_of(read_contents(self.storage, place), self.id)
        if other is None:
            return UsageError(
                f"the name {name!r} is that of a model that was deleted", hint="choose another, or restore that model and rename it"
            )
        if other.name == name:
            return UsageError(f"there is a model {name!r} already", hint="choose another name")
        return UsageError(f"the name {name!r} leads to model {other.name!r}, which had it before", hint="choose another name")

    def publish(self, name: str, *, team: str, public: bool = True) -> RegisteredModel:
        """Let anyone read a model, or with `public` false its team alone, and return it. Raise NotFoundError, TransientError."""
        model, contents = self.seen(name, team=team)
        if model.public != public or contents.itself.deletions:  # a deletion that is taken back must not undo what was said since
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
        self._delete(self.contents_of(model), versions, keep_seconds)

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
            self.require_same()
            return collect_garbage(self.storage, wait=wait)


def _keep_until(now: float, keep_seconds: float) -> float:
    return now + keep_seconds if keep_seconds > 0 else 0.0
