"""
Models, versions and experiments as lists show them: without the files, so that they can be sent.

They are what the JSON shapes of docs/models.md hold, and the same whether a directory was read or a server has answered.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from modelwatch.core.digest import Digest
from modelwatch.core.entities import (
    Lifetime,
    Metric,
    ModelType,
    ModelVersion,
    Provenance,
    RegisteredModel,
    RunReport,
    Storage,
)
from modelwatch.core.json import JsonValue, finite
from modelwatch.repository.experiments import Experiment


@dataclass(frozen=True, slots=True)
class VersionSummary:
    """
    A version without the list of its files.

    Attributes:
        number: As in `ModelVersion`.
        registered: As in `ModelVersion`.
        tags: As in `ModelVersion`.
        notes: As in `ModelVersion`.
        size: Bytes of its files together.
        files: How many.
        digest: Of its manifest.
        key: Of its registration.

    The others are those of its `Registration`; what could not be JSON in `metadata` and `summary` is encoded.
    """

    number: int
    model_type: ModelType
    format: str
    root: str
    step: int | None
    epoch: int | None
    provenance: Provenance
    created: float
    registered: float
    size: int
    files: int
    digest: Digest
    lifetime: Lifetime
    storage: Storage
    source: str
    metrics: tuple[Metric, ...]
    metadata: Mapping[str, JsonValue]
    summary: JsonValue
    notes: str
    tags: tuple[str, ...]
    key: str

    @classmethod
    def of(cls, version: ModelVersion) -> VersionSummary:
        """Return what lists show of a version."""
        registration = version.registration
        return cls(
            number=version.number,
            model_type=registration.model_type,
            format=registration.format,
            root=registration.root,
            step=registration.step,
            epoch=registration.epoch,
            provenance=registration.provenance,
            created=registration.created,
            registered=version.registered,
            size=registration.manifest.size,
            files=len(registration.manifest.entries),
            digest=registration.manifest.digest,
            lifetime=registration.lifetime,
            storage=registration.storage,
            source=registration.source,
            metrics=registration.metrics,
            metadata=finite(registration.metadata),
            summary=finite(registration.summary),
            notes=version.notes,
            tags=version.tags,
            key=registration.key,
        )

    @property
    def origin(self) -> str:
        """``generated`` for what a training made and ``uploaded`` for what a person brought."""
        return "uploaded" if self.provenance.experiment is None and self.provenance.run is None else "generated"


@dataclass(frozen=True, slots=True)
class ModelSummary:
    """
    A model without its versions.

    Attributes:
        versions: How many are live.
        latest: The live version with the highest number, or None when all are deleted.

    The others are those of `RegisteredModel`.
    """

    id: str
    team: str
    name: str
    created: float
    modified: float
    tags: tuple[str, ...]
    notes: str
    summary: JsonValue
    versions: int
    latest: VersionSummary | None
    public: bool = False
    aliases: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, model: RegisteredModel) -> ModelSummary:
        """Return what lists show of a model."""
        return cls(
            id=model.id,
            team=model.team,
            name=model.name,
            created=model.created,
            modified=model.modified,
            tags=model.tags,
            notes=model.notes,
            summary=finite(model.summary),
            versions=len(model.versions),
            latest=None if model.latest is None else VersionSummary.of(model.latest),
            public=model.public,
            aliases=model.aliases,
        )


@dataclass(frozen=True, slots=True)
class ExperimentVersion:
    """
    One version that came from an experiment.

    Attributes:
        model: The model's name.
        model_id: Its id.
        number: The version's number.

    The others are those of `VersionSummary`.
    """

    model: str
    model_id: str
    number: int
    model_type: ModelType
    step: int | None
    epoch: int | None
    lifetime: Lifetime
    size: int
    registered: float


@dataclass(frozen=True, slots=True)
class ExperimentSummary:
    """
    An experiment and what came from it.

    Attributes:
        id: Gradient's experiment id.
        team: Whose.
        project: Gradient's project id, or None.
        runs: The runs that its versions came from, sorted.
        versions: Its live versions, oldest first; at least one.
    """

    id: str
    team: str
    project: str | None
    runs: tuple[str, ...]
    versions: tuple[ExperimentVersion, ...]

    def __post_init__(self) -> None:
        """Refuse an experiment that no version came from, with ValueError."""
        if not self.versions:
            raise ValueError(f"no version came from experiment {self.id!r}")

    @classmethod
    def of(cls, experiment: Experiment) -> ExperimentSummary:
        """Return what lists show of an experiment."""
        versions = tuple(_experiment_version(model, version) for model, version in experiment.versions)
        return cls(experiment.id, experiment.team, experiment.project, experiment.runs, versions)

    @property
    def models(self) -> tuple[str, ...]:
        """The names of its models, sorted."""
        return tuple(sorted({version.model for version in self.versions}))

    @property
    def size(self) -> int:
        """Bytes of its versions together, shared content counted as often as it is shared."""
        return sum(version.size for version in self.versions)

    def with_lifetime(self, lifetime: Lifetime) -> tuple[ExperimentVersion, ...]:
        """Return the versions of one lifetime."""
        return tuple(version for version in self.versions if version.lifetime is lifetime)


def _experiment_version(model: RegisteredModel, version: ModelVersion) -> ExperimentVersion:
    registration = version.registration
    return ExperimentVersion(
        model=model.name,
        model_id=model.id,
        number=version.number,
        model_type=registration.model_type,
        step=registration.step,
        epoch=registration.epoch,
        lifetime=registration.lifetime,
        size=registration.manifest.size,
        registered=version.registered,
    )


@dataclass(frozen=True, slots=True)
class RunSummary:
    """
    A training run without its curves and checkpoints.

    Attributes:
        state: As `RunReport.state`, in its word.
        silent: Whether nothing was heard of it for so long that its agent may well be dead.
        step: As `RunReport.last_step`.
        series: How many curves it has.
        checkpoints: How many checkpoints.

    The others are those of `RunReport`.
    """

    run: str
    state: str
    silent: bool
    reason: str
    started: float
    updated: float
    step: int | None
    series: int
    checkpoints: int
    host: str | None
    experiment: str | None
    project: str | None
    command: str | None
    hyperparameters: Mapping[str, str]

    @classmethod
    def of(cls, report: RunReport, now: float) -> RunSummary:
        """Return what lists show of a run at a time, seconds since the epoch."""
        return cls(
            run=report.run,
            state=report.state.value,
            silent=report.is_silent(now),
            reason=report.reason,
            started=report.started,
            updated=report.updated,
            step=report.last_step,
            series=len(report.series),
            checkpoints=len(report.checkpoints),
            host=report.host,
            experiment=report.experiment,
            project=report.project,
            command=report.command,
            hyperparameters=report.hyperparameters,
        )
