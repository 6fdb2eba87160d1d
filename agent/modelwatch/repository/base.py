"""What people do with one team's models, wherever these are: the command line knows no more of a repository than this."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from modelwatch.core.entities import Manifest, Receipt, RunReport
from modelwatch.repository.deleted import Deleted
from modelwatch.repository.downloading import ContentSource
from modelwatch.repository.garbage import Collected
from modelwatch.repository.reading import Problem
from modelwatch.repository.summaries import ExperimentSummary, ModelSummary, RunSummary, VersionSummary
from modelwatch.repository.uploading import Upload
from modelwatch.repository.verifying import Verified


@dataclass(frozen=True, slots=True)
class Listed:
    """
    The models that were asked for.

    Attributes:
        models: Sorted by name.
        problems: Documents that were ignored.
    """

    models: tuple[ModelSummary, ...]
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class FoundVersion:
    """
    One version with its model and its files.

    Attributes:
        model: The model.
        version: The version.
        manifest: The files.
    """

    model: ModelSummary
    version: VersionSummary
    manifest: Manifest


class TeamRepository(Protocol):
    """
    One team's models. A name is a model's name or its id; a version is a number, ``latest`` or an alias.

    Every method raises NotFoundError for what does not exist, and StateError, TransientError, AccessError or PermanentError when
    the repository cannot be used now, or not in this way.
    """

    @property
    def deletes_for_good(self) -> bool:
        """Whether what is deleted cannot be restored."""

    def list_models(self, *, tags: Sequence[str] = ()) -> Listed:
        """Return the models that have all of some tags."""

    def deleted(self) -> tuple[Deleted, ...]:
        """Return what was deleted and can be restored, what was deleted last first."""

    def public_models(self) -> Listed:
        """Return the models that any team of the repository has published, sorted by team and name."""

    def model(self, name: str) -> ModelSummary:
        """Return a model."""

    def versions(self, name: str) -> Iterator[VersionSummary]:
        """Give the live versions of a model in order of number."""

    def version(self, name: str, version: str) -> FoundVersion:
        """Return a version."""

    def experiments(self) -> tuple[ExperimentSummary, ...]:
        """Return the experiments that versions came from, the one with the newest version first."""

    def experiment(self, identifier: str) -> ExperimentSummary:
        """Return an experiment."""

    def runs(self, name: str) -> tuple[RunSummary, ...]:
        """Return the training runs of a model that agents told of, in the order in which they started; the model need have no version."""

    def run(self, name: str, run: str) -> RunReport:
        """Return one training run of a model, as its agent told of it last."""

    def upload(self, request: Upload, *, advance: Callable[[int], None]) -> Receipt:
        """Make a version of files; `advance` is told the bytes that arrived since the last call. Raise as `uploading.upload`."""

    def content(self, found: FoundVersion) -> ContentSource:
        """Return where the bytes of a version's files come from."""

    def verify(self, found: FoundVersion, *, advance: Callable[[int], None]) -> Iterator[Verified]:
        """Read every file of a version and give what became of it; `advance` is told the bytes read since the last call."""

    def tag(self, name: str, tags: Sequence[str], *, version: str | None = None) -> None:
        """Add tags to a model, or to one version of it."""

    def untag(self, name: str, tags: Sequence[str], *, version: str | None = None) -> None:
        """Remove tags from a model, or from one version of it."""

    def note(self, name: str, text: str, *, version: str | None = None) -> None:
        """Replace the notes on a model, or on one version of it."""

    def set_alias(self, name: str, alias: str, version: str) -> int:
        """Let an alias name a version from now on, and return the version's number. Raise UsageError for what cannot be an alias."""

    def remove_alias(self, name: str, alias: str) -> None:
        """Let an alias name no version any more."""

    def rename(self, name: str, new_name: str) -> ModelSummary:
        """Call a model otherwise. Raise UsageError for a name that leads to another model."""

    def delete_model(self, name: str, *, keep_seconds: float = 0.0) -> None:
        """
        Delete a model with all its versions, its tags and its notes.

        Args:
            name: Which.

            keep_seconds: How long it can be restored at least; 0: as the repository does it. Raise UsageError where that is not ours to say.
        """

    def delete_version(self, name: str, version: str, *, keep_seconds: float = 0.0) -> None:
        """Delete a version; `keep_seconds` as for `delete_model`."""

    def delete_experiment(self, identifier: str) -> None:
        """Delete the versions that live with an experiment; the permanent ones stay."""

    def restore_model(self, name: str) -> ModelSummary:
        """Take the latest deletion of a model back. Raise PermanentError when its content is gone."""

    def restore_version(self, name: str, version: str) -> VersionSummary:
        """Take the deletion of a version back. Raise PermanentError when its content is gone."""

    def publish(self, name: str, *, public: bool) -> ModelSummary:
        """Let anyone who reaches a server of the repository read a model, or its team alone again."""

    def collect_garbage(self, *, wait: bool) -> Collected:
        """
        Remove the content that no version needs any more; a repository that does so by itself does nothing.

        Raises:
            LockedError: Something is being registered and `wait` is false.
        """
