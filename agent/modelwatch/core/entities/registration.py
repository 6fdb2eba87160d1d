"""The intent to make a version, what amends it, and a sink's answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from modelwatch.core.digest import Digest
from modelwatch.core.entities.manifest import Manifest
from modelwatch.core.entities.metric import Metric
from modelwatch.core.entities.model_type import Lifetime, ModelType, Storage
from modelwatch.core.json import JsonValue


@dataclass(frozen=True, slots=True)
class Provenance:
    """
    Where a version comes from.

    Attributes:
        run: Identifies one training run.
        experiment: Gradient's experiment id, or None: an uploaded model has none.
        project: Gradient's project id, or None.
        host: Name of the machine that the training ran on.
    """

    run: str | None = None
    experiment: str | None = None
    project: str | None = None
    host: str | None = None

    def to_json(self) -> JsonValue:
        """Return the fields."""
        return {"run": self.run, "experiment": self.experiment, "project": self.project, "host": self.host}

    @classmethod
    def from_json(cls, value: JsonValue) -> Provenance:
        """Undo `to_json`; unknown fields are ignored, so that newer writers can add some."""
        return cls(value.get("run"), value.get("experiment"), value.get("project"), value.get("host"))


@dataclass(frozen=True, slots=True)
class Registration:
    """
    The intent to make one model version. Its key makes it idempotent: a sink given the same key twice returns the same receipt.

    Attributes:
        team: The team that the model belongs to.
        model: The registered model's name.
        model_type: Gradient's type.
        format: Name of the checkpoint's format; ``upload`` for an uploaded model.
        root: The checkpoint's root in its model path; for an upload the name of the file or folder.
        manifest: The files.
        provenance: Run, experiment, project.
        created: Seconds since the epoch: when the checkpoint was complete on disk.
        step: As in `Checkpoint`.
        epoch: As in `Checkpoint`.
        metrics: What was known when it was made; later values are amendments.
        metadata: As in `Checkpoint`.
        lifetime: Whether it goes with its experiment.
        storage: Whether bytes are copied into the repository.
        source: Absolute path that the files were seen at: for people, and for `Storage.REFERENCE` the folder that the manifest's paths are in.
        summary: What the uploader said about it (Gradient's ``modelSummary``), any JSON value, or None.
        notes: Free text.
        upload: Tells deliberate uploads of the same bytes apart; empty for what training made.
    """

    team: str
    model: str
    model_type: ModelType
    format: str
    root: str
    manifest: Manifest
    provenance: Provenance
    created: float
    step: int | None = None
    epoch: int | None = None
    metrics: tuple[Metric, ...] = ()
    metadata: Mapping[str, JsonValue] = field(default_factory=dict)
    lifetime: Lifetime = Lifetime.PERMANENT
    storage: Storage = Storage.COPY
    source: str = ""
    summary: JsonValue = None
    notes: str = ""
    upload: str = ""

    @property
    def key(self) -> str:
        """
        The idempotency key: 64 hex digits.

        A digest of model, run, checkpoint identity and content. The same bytes at a later step are another version.
        """
        identity = [
            self.team,
            self.model,
            self.provenance.run,
            self.format,
            self.root,
            self.step,
            self.epoch,
            str(self.manifest.digest),
        ]
        return Digest.of_json([*identity, self.upload] if self.upload else identity).hex

    def with_metrics(self, metrics: tuple[Metric, ...]) -> Registration:
        """Return the same registration with other metrics; its key stays the same."""
        return replace(self, metrics=metrics)

    def to_json(self) -> JsonValue:
        """Return every field and the key: the body of a repository's version file."""
        return {
            "key": self.key,
            "team": self.team,
            "model": self.model,
            "model_type": self.model_type.value,
            "format": self.format,
            "root": self.root,
            "manifest": self.manifest.to_json(),
            "provenance": self.provenance.to_json(),
            "created": self.created,
            "step": self.step,
            "epoch": self.epoch,
            "metrics": [metric.to_json() for metric in self.metrics],
            "metadata": dict(self.metadata),
            "lifetime": self.lifetime.value,
            "storage": self.storage.value,
            "source": self.source,
            "summary": self.summary,
            "notes": self.notes,
            "upload": self.upload,
        }

    @classmethod
    def from_json(cls, value: JsonValue) -> Registration:
        """Undo `to_json`; unknown fields are ignored. Raise ValueError, KeyError or TypeError for anything else."""
        return cls(
            team=value["team"],
            model=value["model"],
            model_type=ModelType.parse(value["model_type"]),
            format=value["format"],
            root=value["root"],
            manifest=Manifest.from_json(value["manifest"]),
            provenance=Provenance.from_json(value["provenance"]),
            created=float(value["created"]),
            step=value.get("step"),
            epoch=value.get("epoch"),
            metrics=tuple(Metric.from_json(metric) for metric in value.get("metrics", ())),
            metadata=value.get("metadata") or {},
            lifetime=Lifetime(value.get("lifetime", Lifetime.PERMANENT.value)),
            storage=Storage(value.get("storage", Storage.COPY.value)),
            source=value.get("source", ""),
            summary=value.get("summary"),
            notes=value.get("notes", ""),
            upload=value.get("upload", ""),
        )


@dataclass(frozen=True, slots=True)
class Amendment:
    """
    Metrics that became known after their version was registered. They replace the ones it had.

    Attributes:
        team: The registration's team.
        model: The registration's model.
        registration_key: The key of the version's registration.
        metrics: All metrics now known, in full.
        revision: Counts the amendments of one registration from 1. Values that come back after others are another amendment.
    """

    team: str
    model: str
    registration_key: str
    metrics: tuple[Metric, ...]
    revision: int = 0

    @property
    def key(self) -> str:
        """The amendment's own idempotency key: 64 hex digits."""
        return Digest.of_json([self.registration_key, self.revision, [metric.to_json() for metric in self.metrics]]).hex

    def to_json(self) -> JsonValue:
        """Return the fields."""
        return {
            "team": self.team,
            "model": self.model,
            "registration_key": self.registration_key,
            "metrics": [metric.to_json() for metric in self.metrics],
            "revision": self.revision,
        }

    @classmethod
    def from_json(cls, value: JsonValue) -> Amendment:
        """Undo `to_json`; unknown fields are ignored. Raise ValueError, KeyError or TypeError for anything else."""
        return cls(
            value["team"],
            value["model"],
            value["registration_key"],
            tuple(Metric.from_json(metric) for metric in value["metrics"]),
            int(value.get("revision", 0)),
        )


@dataclass(frozen=True, slots=True)
class Receipt:
    """
    A sink's answer: the version that now exists.

    Attributes:
        model: The model's name as the sink knows it.
        version: The version's number as the sink writes it.
        location: Where people find it: a path or an address.
    """

    model: str
    version: str
    location: str = ""

    def to_json(self) -> JsonValue:
        """Return the fields."""
        return {"model": self.model, "version": self.version, "location": self.location}

    @classmethod
    def from_json(cls, value: JsonValue) -> Receipt:
        """Undo `to_json`."""
        return cls(value["model"], value["version"], value.get("location", ""))
