"""
What may be done with one team's models: all that a handler gets of the repository.

Reads come from the index; what changes something goes to the repository, and the index looks at that model at once, so that who has
changed something sees it. A library is made for one team and one principal and has no way to another team's models; for those who are
no members it knows the published models only, and says of the others what it says of models that do not exist.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from modelwatch.core.digest import Digest
from modelwatch.core.entities import (
    Amendment,
    Lifetime,
    Manifest,
    ManifestEntry,
    ModelType,
    ModelVersion,
    Receipt,
    Registration,
    Storage,
)
from modelwatch.core.entities.run_report import RunReport
from modelwatch.core.errors import NotFoundError
from modelwatch.formats.recognise import Recognised
from modelwatch.repository.deleted import Deleted
from modelwatch.repository.events import Event, NotesSet, TagsChanged
from modelwatch.repository.index.answers import (
    Counts,
    ExperimentVersion,
    IndexedExperiment,
    IndexedModel,
    IndexedVersion,
    Page,
    Point,
    TagUse,
)
from modelwatch.repository.index.index import Index
from modelwatch.repository.index.queries import ModelQuery, VersionQuery
from modelwatch.repository.layout import Place
from modelwatch.repository.repository import Repository
from modelwatch.repository.storage.staging import StagedUpload
from modelwatch.repository.uploading import register_upload
from modelwatch.repository.writing import MissingContentError
from modelwatch.server.errors import ConflictError
from modelwatch.server.feed import Feed
from modelwatch.server.recognising import recognise_content
from modelwatch.server.transfers import Transfers, Upload

_MOST_NAMED = 200
"""Models that have changed: more are told as such."""

KEPT_SECONDS = 7 * 86_400.0
"""How long what people delete can be restored."""


@dataclass(frozen=True, slots=True)
class Content:
    """
    A file of a version.

    Attributes:
        entry: What it is.
        location: Where its bytes are.
        registered: When the version was registered, seconds since the epoch.
    """

    entry: ManifestEntry
    location: Path
    registered: float


@dataclass(frozen=True, slots=True)
class Stores:
    """
    What libraries are made of: one of each for the whole server.

    Attributes:
        repository: All models.
        index: What is in it.
        transfers: The uploads that are under way.
        feed: Wakes who waits for changes.
    """

    repository: Repository
    index: Index
    transfers: Transfers
    feed: Feed


class TeamLibrary:
    """
    The models of one team, as far as one principal may see them.

    Models are named by id or name. Raises NotFoundError where something is not there or may not be seen, TransientError and StateError
    where the repository cannot be read or written now.

    Args:
        stores: The server's.

        team: The one team.

        sees_all: Whether models that are not published are there.
    """

    def __init__(self, stores: Stores, team: str, *, sees_all: bool) -> None:
        self.team = team
        self.sees_all = sees_all
        self._repository = stores.repository
        self._index = stores.index
        self._transfers = stores.transfers
        self._feed = stores.feed

    # -------------------------------------------------------------------------------------------------------------- reading

    def models(self, query: ModelQuery) -> Page[IndexedModel]:
        """Return a page of the team's models."""
        return self._index.models(self.team, query if self.sees_all else replace(query, public=True))

    def model(self, wanted: str) -> IndexedModel:
        """Return a model; also by a name that it had before it was renamed."""
        found = self._index.model(self.team, wanted)
        if found is None and wanted:
            place = self._repository.place_called(wanted, team=self.team)
            found = self._index.model(self.team, place.model_id(self._repository.id))
        if found is None or not (found.public or self.sees_all):
            raise NotFoundError(f"there is no model {wanted!r}")
        return found

    def id_of_new(self, name: str) -> str | None:
        """Return the id that a model of this name will have, None when there is one."""
        if self._index.model(self.team, name) is not None:
            return None
        return self._repository.place_called(name, team=self.team).model_id(self._repository.id)

    def versions(self, wanted: str, query: VersionQuery) -> Page[IndexedVersion]:
        """Return a page of a model's versions."""
        return self._index.versions(self.team, self.model(wanted).id, query)

    def version(self, wanted: str, number: str) -> IndexedVersion:
        """Return a version by number, alias, ``latest`` or ``best``."""
        model = self.model(wanted)
        found = self._index.version(self.team, model.id, number)
        if found is None:
            raise NotFoundError(
                f"model {model.name!r} has no version {number}",
                hint=f"the latest is {model.latest.number}" if model.latest else "every version was deleted",
            )
        return found

    def points(self, wanted: str) -> Sequence[Point]:
        """Return every live version's value of every metric, in order of number."""
        return self._index.points(self.team, self.model(wanted).id)

    def tags(self, limit: int) -> Sequence[TagUse]:
        """Return tags of the team's models, those used most first; none for who sees the published models only."""
        return self._index.tags(self.team, limit) if self.sees_all else ()

    def metric_names(self) -> Sequence[str]:
        """Return the metrics that the team's models can be sorted by; none for who sees the published models only."""
        return self._index.metric_names(self.team) if self.sees_all else ()

    def counts(self) -> Counts:
        """Return how much there is. Raise NotFoundError for who sees the published models only."""
        self._require_all()
        return self._index.counts(self.team)

    def experiments(self) -> Sequence[IndexedExperiment]:
        """Return the experiments of the team, the latest first; none for who sees the published models only."""
        return self._index.experiments(self.team) if self.sees_all else ()

    def experiment(self, identifier: str) -> tuple[IndexedExperiment, Sequence[ExperimentVersion]]:
        """Return an experiment and the versions that came from it."""
        self._require_all()
        found = self._index.experiment(self.team, identifier)
        if found is not None:
            return found, self._index.experiment_versions(self.team, identifier)
        raise NotFoundError(f"no version came from an experiment {identifier!r}")

    def runs(self, wanted: str) -> Sequence[RunReport]:
        """Return what agents told of the runs of a model, in the order in which they started; it need have no version yet."""
        try:
            model = self.model(wanted)
        except NotFoundError:
            if not self.sees_all:
                raise
            return self._repository.runs(wanted, team=self.team)
        return self._repository.runs_at(self._place(model.id), self._index.latest_deletion(self.team, model.id))

    def run(self, wanted: str, run: str) -> RunReport:
        """Return what the agent of one run told."""
        return self._repository.run(self._training(wanted), run, team=self.team)

    def latest_runs(self, limit: int) -> Sequence[RunReport]:
        """Return the runs of the team that were told of last, of all its models and of those that have no version yet; the latest first."""
        self._require_all()
        return self._repository.latest_runs(self.team, limit)

    def awaited_runs(self, limit: int) -> Sequence[RunReport]:
        """Return the runs of models that have no version yet, and that were told of last; the latest first."""
        self._require_all()
        return self._repository.latest_runs_at(self._index.awaited(self.team), limit)

    def _training(self, wanted: str) -> str:
        """Return the name of a model; to members also of one of which there are only trainings that go on."""
        try:
            return self.model(wanted).name
        except NotFoundError:
            if not self.sees_all:
                raise
            return wanted

    def generation(self) -> int:
        """Return how far the index has come."""
        return self._index.generation

    def changed_since(self, generation: int) -> tuple[str, ...] | None:
        """Return the ids of the models that have changed since, as far as they may be seen; None when they are too many to be named."""
        ids = self._index.changed_since(self.team, generation, _MOST_NAMED + 1, public=not self.sees_all)
        return ids if len(ids) <= _MOST_NAMED else None

    def _require_all(self) -> None:
        if not self.sees_all:
            raise NotFoundError(f"there is no team {self.team!r}")

    # -------------------------------------------------------------------------------------------------------------- content

    def content(self, wanted: str, number: str, path: str) -> Content:
        """Return a file of a version."""
        version = self.version(wanted, number).version
        for entry in version.registration.manifest.entries:
            if entry.path == path:
                return self._content(version, entry)
        raise NotFoundError(f"version {version.number} has no file {path!r}")

    def contents(self, version: ModelVersion) -> tuple[Content, ...]:
        """Return all files of a version."""
        return tuple(self._content(version, entry) for entry in version.registration.manifest.entries)

    def _content(self, version: ModelVersion, entry: ManifestEntry) -> Content:
        # Whoever may write can say where referenced files are: this server reads no file because somebody named it.
        if version.registration.storage is Storage.REFERENCE:
            raise ConflictError(
                f"the files of version {version.number} are not in the repository: it refers to {version.registration.source}",
                hint="copy them from there",
            )
        location = self._repository.storage.blob_path(entry.digest)
        if not self._repository.storage.has_blob(entry.digest, entry.size):
            raise NotFoundError(f"the content of {entry.path!r} is gone from the repository")
        return Content(entry, location, version.registered)

    def missing(self, contents: Sequence[tuple[Digest, int]]) -> list[tuple[Digest, int]]:
        """Return which contents the team has not shown that it has, or the repository has lost."""
        return [(digest, size) for digest, size in contents if not self._holds(digest, size)]

    def _holds(self, digest: Digest, size: int) -> bool:
        known = self._index.has_content(self.team, digest) or self._transfers.holds(self.team, digest, size)
        return known and self._repository.storage.has_blob(digest, size)

    def begin_upload(self, digest: Digest | None, size: int) -> Upload:
        """Begin an upload."""
        return self._transfers.begin(self.team, digest, size)

    def upload(self, identifier: str) -> tuple[Upload, int]:
        """Return an upload and how many bytes of it have arrived."""
        upload = self._transfers.find(self.team, identifier)
        with self._transfers.going_on(upload) as staged:
            return upload, staged.offset

    @contextlib.contextmanager
    def receiving(self, identifier: str) -> Iterator[StagedUpload]:
        """Give the content of an upload, to append to it."""
        with self._transfers.going_on(self._transfers.find(self.team, identifier)) as staged:
            yield staged

    def finish(self, staged: StagedUpload) -> Digest:
        """Make the whole content of an upload a part of the repository, and return its digest. Raise PermanentError for a wrong one."""
        return self._transfers.finish(self.team, staged)

    def held_path(self, digest: Digest) -> Path:
        """Return where content is that the team has uploaded just now."""
        return self._repository.storage.blob_path(digest)

    def abandon_upload(self, identifier: str) -> None:
        """Forget an upload."""
        self._transfers.abandon(self._transfers.find(self.team, identifier))

    # ---------------------------------------------------------------------------------------------------------- registering

    def register(self, registration: Registration) -> Receipt:
        """
        Make a version of content that the team has uploaded, or return the receipt of the version that has the key.

        Raises:
            MissingContentError: The team has not uploaded all of it.

            PermanentError: It is refused.
        """
        if registration.storage is Storage.COPY:
            self._require_held(registration.manifest)
        if registration.storage is Storage.REFERENCE:
            receipt = self._repository.register(registration, None)
        else:
            receipt = self._repository.register_stored(registration)
        self._changed(receipt.model)
        return receipt

    def upload_version(self, registration: Registration) -> Receipt:
        """Make a version as a person does: of the same bytes again another one. Raise as `register`."""
        if registration.storage is Storage.COPY:
            self._require_held(registration.manifest)
        receipt = register_upload(self._repository, registration)
        self._changed(receipt.model)
        return receipt

    def _require_held(self, manifest: Manifest) -> None:
        missing = tuple(entry for entry in manifest.entries if not self._holds(entry.digest, entry.size))
        if missing:
            raise MissingContentError(f"{len(missing)} of {len(manifest.entries)} contents are missing", missing=missing)

    def recognised(self, manifest: Manifest, model_type: ModelType | None) -> Recognised:
        """Return what files that the team has uploaded are: their type, and what they tell. Raise MissingContentError."""
        self._require_held(manifest)
        return recognise_content(self._repository, manifest, model_type)

    def amend(self, amendment: Amendment) -> Receipt:
        """Replace a version's metrics. Raise PermanentError when there is no such version."""
        receipt = self._repository.amend(amendment)
        self._changed(receipt.model)
        return receipt

    def report(self, report: RunReport) -> None:
        """Keep what an agent tells of a run."""
        self._repository.report(report)
        self._changed(report.model)

    # ------------------------------------------------------------------------------------------------------------- changing

    def rename(self, wanted: str, name: str) -> IndexedModel:
        """Give a model another name. Raise UsageError when it is taken."""
        model = self.model(wanted)
        self._repository.rename(model.id, name, team=self.team)
        return self._looked_at(model.id)

    def publish(self, wanted: str, *, public: bool) -> IndexedModel:
        """Let everybody see a model, or the team alone again."""
        model = self.model(wanted)
        self._repository.publish(model.id, team=self.team, public=public)
        return self._looked_at(model.id)

    def set_tags(self, wanted: str, tags: Sequence[str], number: str | None = None) -> None:
        """Let a model, or one of its versions, have exactly these tags."""
        model = self.model(wanted)
        before = model.tags if number is None else self.version(model.id, number).version.tags
        add = tuple(sorted(set(tags) - set(before)))
        remove = tuple(sorted(set(before) - set(tags)))
        if add or remove:
            self.change_tags(model.id, add=add, remove=remove, number=number)

    def change_tags(self, wanted: str, *, add: Sequence[str], remove: Sequence[str], number: str | None = None) -> None:
        """Add tags to a model or one of its versions, and take others away, in one step."""
        model, key = self._subject(wanted, number)
        self._append(model, key, TagsChanged(time.time(), key, tuple(add), tuple(remove)))

    def note(self, wanted: str, text: str, number: str | None = None) -> None:
        """Replace the notes on a model or one of its versions."""
        model, key = self._subject(wanted, number)
        self._append(model, key, NotesSet(time.time(), key, text))

    def set_alias(self, wanted: str, alias: str, number: str) -> int:
        """Let an alias name a version, and return its number. Raise UsageError for what no alias can be."""
        version = self.version(wanted, number)
        self._repository.set_alias(version.model_id, alias, str(version.version.number), team=self.team)
        self._looked_at(version.model_id)
        return version.version.number

    def remove_alias(self, wanted: str, alias: str) -> None:
        """Let an alias name nothing."""
        model = self.model(wanted)
        self._repository.remove_alias(model.id, alias, team=self.team)
        self._looked_at(model.id)

    def delete_model(self, wanted: str) -> tuple[int, ...]:
        """Delete a model with all its versions, to be restored for `KEPT_SECONDS`, and return their numbers."""
        model = self.model(wanted)
        place = self._place(model.id)
        deleted = self._repository.delete_model(model.id, team=self.team, keep_seconds=KEPT_SECONDS)
        self._index.refresh_model(place)
        self._wake()
        return tuple(version.number for version in deleted.versions)

    def restore_model(self, identifier: str) -> IndexedModel:
        """Bring a deleted model back. Raise PermanentError when its content is gone already."""
        try:
            restored = self._repository.restore_model(identifier, team=self.team)
        except NotFoundError as error:  # whose message is for people beside the repository
            raise NotFoundError(f"there is no model {identifier!r}") from error
        self._changed(restored.name)
        return self.model(identifier)

    def delete_version(self, wanted: str, number: str) -> IndexedVersion:
        """Delete a version, to be restored for `KEPT_SECONDS`."""
        version = self.version(wanted, number)
        self._repository.delete_version(version.model_id, str(version.version.number), team=self.team, keep_seconds=KEPT_SECONDS)
        self._looked_at(version.model_id)
        return version

    def deleted(self, now: float) -> Sequence[Deleted]:
        """Return what was deleted and can be restored, the latest deletion first. Raise NotFoundError for who sees the published models only."""
        self._require_all()
        return self._index.deleted(self.team, now)

    def restore_version(self, wanted: str, number: str) -> IndexedVersion:
        """Bring a deleted version back. Raise PermanentError when its content is gone already."""
        model = self.model(wanted)
        self._repository.restore_version(model.id, number, team=self.team)
        self._looked_at(model.id)
        return self.version(model.id, number)

    def delete_experiment(self, identifier: str) -> tuple[tuple[tuple[str, int], ...], tuple[tuple[str, int], ...]]:
        """Delete the versions that live with an experiment; return those, and those that stay, each as model and number."""
        _, versions = self.experiment(identifier)
        gone = [version for version in versions if version.lifetime is Lifetime.EXPERIMENT]
        for version in gone:
            self.delete_version(version.model_id, str(version.number))
        kept = [version for version in versions if version.lifetime is not Lifetime.EXPERIMENT]
        return tuple((v.model, v.number) for v in gone), tuple((v.model, v.number) for v in kept)

    def _subject(self, wanted: str, number: str | None) -> tuple[IndexedModel, str | None]:
        model = self.model(wanted)
        return model, None if number is None else self.version(model.id, number).version.registration.key

    def _append(self, model: IndexedModel, key: str | None, event: Event) -> None:
        self._repository.append(self._place(model.id), key, event)
        self._looked_at(model.id)

    def _place(self, model_id: str) -> Place:
        place = self._index.place(self.team, model_id)
        if place is None:
            raise NotFoundError(f"there is no model {model_id!r}")
        return place

    def _changed(self, name: str) -> None:
        """Look at the model of a name, which the index may not know yet: something was registered there, or it was restored."""
        self._index.refresh_model(self._repository.place_called(name, team=self.team))
        self._wake()

    def _wake(self) -> None:
        self._feed.wake(self._index.generation)

    def _looked_at(self, model_id: str) -> IndexedModel:
        self._index.refresh_model(self._place(model_id))
        self._wake()
        return self.model(model_id)
