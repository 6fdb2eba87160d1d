"""One team's models in a repository's directory."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence

from modelwatch.core.entities import Receipt, RunReport
from modelwatch.repository import experiments
from modelwatch.repository.base import FoundVersion, Listed
from modelwatch.repository.deleted import Deleted
from modelwatch.repository.downloading import ContentSource, StoredContent
from modelwatch.repository.garbage import Collected
from modelwatch.repository.repository import Repository
from modelwatch.repository.summaries import ExperimentSummary, ModelSummary, RunSummary, VersionSummary
from modelwatch.repository.uploading import Upload, upload
from modelwatch.repository.verifying import Verified, verify


class LocalRepository:
    """
    Implements `modelwatch.repository.base.TeamRepository`, whose docstrings are the methods' contracts.

    Args:
        repository: Which.

        team: Whose models.
    """

    def __init__(self, repository: Repository, team: str) -> None:
        self._repository = repository
        self._team = team

    @property
    def deletes_for_good(self) -> bool:
        """True: content goes at once."""
        return True

    def list_models(self, *, tags: Sequence[str] = ()) -> Listed:
        """Read every model."""
        listing = self._repository.listing(self._team)
        shown = (model for model in listing.models if set(tags) <= set(model.tags))
        return Listed(tuple(ModelSummary.of(model) for model in shown), listing.problems)

    def deleted(self) -> tuple[Deleted, ...]:
        """Read the models that something was deleted of."""
        return self._repository.deleted(self._team, time.time())

    def public_models(self) -> Listed:
        """Read every model of every team."""
        listing = self._repository.listing()
        return Listed(tuple(ModelSummary.of(model) for model in listing.models if model.public), listing.problems)

    def model(self, name: str) -> ModelSummary:
        """Read a model."""
        return ModelSummary.of(self._repository.model(name, team=self._team))

    def versions(self, name: str) -> Iterator[VersionSummary]:
        """Read a model's versions."""
        return map(VersionSummary.of, self._repository.model(name, team=self._team).versions)

    def version(self, name: str, version: str) -> FoundVersion:
        """Read a version."""
        found = self._repository.version(name, version, team=self._team)
        return FoundVersion(self.model(name), VersionSummary.of(found), found.registration.manifest)

    def experiments(self) -> tuple[ExperimentSummary, ...]:
        """Read every version."""
        return tuple(map(ExperimentSummary.of, experiments.experiments(self._repository, self._team)))

    def experiment(self, identifier: str) -> ExperimentSummary:
        """Read every version."""
        return ExperimentSummary.of(experiments.experiment(self._repository, identifier, self._team))

    def runs(self, name: str) -> tuple[RunSummary, ...]:
        """Read every report."""
        now = time.time()
        return tuple(RunSummary.of(report, now) for report in self._repository.runs(name, team=self._team))

    def run(self, name: str, run: str) -> RunReport:
        """Read a report."""
        return self._repository.run(name, run, team=self._team)

    def upload(self, request: Upload, *, advance: Callable[[int], None]) -> Receipt:
        """Copy the files into the repository."""
        return upload(self._repository, request, advance=advance)

    def content(self, found: FoundVersion) -> ContentSource:
        """Return the version's blobs, or the files that it refers to."""
        version = self._repository.version(found.model.name, str(found.version.number), team=self._team)
        return StoredContent(self._repository.storage, version)

    def verify(self, found: FoundVersion, *, advance: Callable[[int], None]) -> Iterator[Verified]:
        """Read the version's blobs, or the files that it refers to."""
        version = self._repository.version(found.model.name, str(found.version.number), team=self._team)
        return verify(self._repository.storage, version, advance=advance)

    def tag(self, name: str, tags: Sequence[str], *, version: str | None = None) -> None:
        """Append an event."""
        self._repository.tag(name, tuple(tags), team=self._team, version=version)

    def untag(self, name: str, tags: Sequence[str], *, version: str | None = None) -> None:
        """Append an event."""
        self._repository.untag(name, tuple(tags), team=self._team, version=version)

    def note(self, name: str, text: str, *, version: str | None = None) -> None:
        """Append an event."""
        self._repository.note(name, text, team=self._team, version=version)

    def set_alias(self, name: str, alias: str, version: str) -> int:
        """Move the alias."""
        return self._repository.set_alias(name, alias, version, team=self._team)

    def remove_alias(self, name: str, alias: str) -> None:
        """Remove its document."""
        self._repository.remove_alias(name, alias, team=self._team)

    def rename(self, name: str, new_name: str) -> ModelSummary:
        """Let the name lead to the model, and append an event."""
        return ModelSummary.of(self._repository.rename(name, new_name, team=self._team))

    def delete_model(self, name: str, *, keep_seconds: float = 0.0) -> None:
        """Append events."""
        self._repository.delete_model(name, team=self._team, keep_seconds=keep_seconds)

    def delete_version(self, name: str, version: str, *, keep_seconds: float = 0.0) -> None:
        """Append an event."""
        self._repository.delete_version(name, version, team=self._team, keep_seconds=keep_seconds)

    def delete_experiment(self, identifier: str) -> None:
        """Append events."""
        experiments.delete_experiment(self._repository, identifier, self._team)

    def restore_model(self, name: str) -> ModelSummary:
        """Append events."""
        return ModelSummary.of(self._repository.restore_model(name, team=self._team))

    def restore_version(self, name: str, version: str) -> VersionSummary:
        """Append an event."""
        return VersionSummary.of(self._repository.restore_version(name, version, team=self._team))

    def publish(self, name: str, *, public: bool) -> ModelSummary:
        """Append an event."""
        return ModelSummary.of(self._repository.publish(name, team=self._team, public=public))

    def collect_garbage(self, *, wait: bool) -> Collected:
        """Mark and sweep."""
        return self._repository.collect_garbage(wait=wait)
