"""
The values that pass from stage to stage, in the order in which they come to be.

    FileTree → Candidate → Verdict(Checkpoint) → Snapshot(Manifest) → Registration(+ Metric) → Receipt → ModelVersion

All are frozen. Words are the field's own: registered model, model version, run, metric (MLflow), scalar, tag, step, wall time
(TensorBoard), manifest and digest (OCI).
"""

from __future__ import annotations

import enum
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from modelwatch.core.digest import Digest
from modelwatch.core.json import JsonValue, decode_float, encode_float
from modelwatch.core.tree import FileStat

_CLEAN_PATH = re.compile(r"(?:(?!\.{1,2}(?:/|\Z))[^/\0]+(?:/(?!\Z)|\Z))+\Z")


class ModelType(enum.Enum):
    """Gradient's model types. The value is Gradient's spelling."""

    TENSORFLOW = "Tensorflow"
    ONNX = "ONNX"
    CUSTOM = "Custom"

    @classmethod
    def parse(cls, text: str) -> ModelType:
        """Read a model type in any case. Raise ValueError with the choices for anything else."""
        for member in cls:
            if member.value.lower() == text.strip().lower():
                return member
        raise ValueError(f"not a model type: {text!r}; choose {', '.join(member.value for member in cls)}")


class Lifetime(enum.Enum):
    """How long a version's files are kept: Gradient's meaning of ``/artifacts`` and ``/storage``."""

    EXPERIMENT = "experiment"
    PERMANENT = "permanent"


class Storage(enum.Enum):
    """Whether the repository holds a version's bytes or only their paths and digests."""

    COPY = "copy"
    REFERENCE = "reference"


# --------------------------------------------------------------------------------------------------------------- recognising


@dataclass(frozen=True, slots=True)
class Candidate:
    """
    Files that may be a checkpoint.

    Attributes:
        format: The name of the format that claims them.
        root: What identifies the checkpoint in its tree: a file, a directory or a TensorFlow prefix.
        members: The files seen so far, sorted by path. Never empty.
    """

    format: str
    root: str
    members: tuple[FileStat, ...]

    @property
    def paths(self) -> frozenset[str]:
        """The members' paths."""
        return frozenset(member.path for member in self.members)

    def get(self, path: str) -> FileStat | None:
        """Return the member at `path`, or None."""
        return next((member for member in self.members if member.path == path), None)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """
    A checkpoint or exported model that is complete.

    Attributes:
        format: The name of its format.
        model_type: Gradient's type of it.
        root: As in `Candidate`.
        members: Paths of exactly the files that make it up, sorted; all of them members of the candidate.
        step: The training step that its content (before its name) tells, or None. Not negative.
        epoch: The epoch that its name or content tells, counted as its writer counts, or None. Not negative.
        metadata: What the content tells about itself: signatures, framework version, parameter count, … JSON values only.
        awaited: Paths that writers of this kind usually add right after; worth waiting for one settle time, never required.
    """

    format: str
    model_type: ModelType
    root: str
    members: tuple[str, ...]
    step: int | None = None
    epoch: int | None = None
    metadata: Mapping[str, JsonValue] = field(default_factory=dict)
    awaited: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse negative steps and epochs and an empty member list, with ValueError."""
        if not self.members:
            raise ValueError("a checkpoint has at least one file")
        if (self.step is not None and self.step < 0) or (self.epoch is not None and self.epoch < 0):
            raise ValueError(f"negative step or epoch: {self.step}, {self.epoch}")


class VerdictKind(enum.Enum):
    """What a format says about a candidate."""

    COMPLETE = "complete"
    INCOMPLETE = "incomplete"
    CORRUPT = "corrupt"
    FOREIGN = "foreign"


@dataclass(frozen=True, slots=True)
class Verdict:
    """
    A format's judgement of a candidate. A value, not an exception.

    INCOMPLETE may become complete (it is being written); CORRUPT holds bytes that no writer of the format produces, yet is judged
    again when its files change; FOREIGN is not this format at all.

    Attributes:
        kind: The judgement.
        reason: Why, for people; empty when complete.
        checkpoint: Present when complete, and when `only_order`.
        only_order:
            INCOMPLETE only because modification times are in an order that no writer leaves (a file newer than the one that is written
            after it). Being overwritten looks like that, and so does a copy: after a long quiet time the caller may accept it.
    """

    kind: VerdictKind
    reason: str = ""
    checkpoint: Checkpoint | None = None
    only_order: bool = False

    @classmethod
    def complete(cls, checkpoint: Checkpoint) -> Verdict:
        """Return the verdict COMPLETE."""
        return cls(VerdictKind.COMPLETE, "", checkpoint)

    @classmethod
    def incomplete(cls, reason: str) -> Verdict:
        """Return the verdict INCOMPLETE."""
        return cls(VerdictKind.INCOMPLETE, reason)

    @classmethod
    def out_of_order(cls, reason: str, checkpoint: Checkpoint) -> Verdict:
        """Return the verdict INCOMPLETE for files that are whole but for the order of their modification times."""
        return cls(VerdictKind.INCOMPLETE, reason, checkpoint, only_order=True)

    @classmethod
    def corrupt(cls, reason: str) -> Verdict:
        """Return the verdict CORRUPT."""
        return cls(VerdictKind.CORRUPT, reason)

    @classmethod
    def foreign(cls, reason: str) -> Verdict:
        """Return the verdict FOREIGN."""
        return cls(VerdictKind.FOREIGN, reason)


# ------------------------------------------------------------------------------------------------------------------ snapshot


@dataclass(frozen=True, slots=True, order=True)
class ManifestEntry:
    """
    One file of a version.

    Attributes:
        path: Relative to the version's own folder, ``/`` as separator, never absolute, never with ``..``.
        size: Bytes.
        digest: Of the content.
    """

    path: str
    size: int
    digest: Digest

    def __post_init__(self) -> None:
        """Refuse negative sizes and paths that could leave their folder, with ValueError."""
        if self.size < 0:
            raise ValueError(f"negative size: {self.size}")
        if not _CLEAN_PATH.match(self.path):
            raise ValueError(f"not a clean relative path: {self.path!r}")

    def to_json(self) -> JsonValue:
        """Return ``{"path", "size", "digest"}``."""
        return {"path": self.path, "size": self.size, "digest": str(self.digest)}

    @classmethod
    def from_json(cls, value: JsonValue) -> ManifestEntry:
        """Undo `to_json`. Raise ValueError, KeyError or TypeError for anything else."""
        return cls(str(value["path"]), int(value["size"]), Digest.parse(value["digest"]))


@dataclass(frozen=True, slots=True)
class Manifest:
    """
    The files of a version.

    Attributes:
        entries: Sorted by path; paths are unique.
    """

    entries: tuple[ManifestEntry, ...]

    def __post_init__(self) -> None:
        """Refuse entries out of order or twice, with ValueError."""
        paths = [entry.path for entry in self.entries]
        if paths != sorted(set(paths)):
            raise ValueError("manifest entries must be sorted by path and unique")

    @property
    def digest(self) -> Digest:
        """The digest of the manifest's canonical JSON text."""
        return Digest.of_json(self.to_json())

    @property
    def size(self) -> int:
        """Bytes of all files together."""
        return sum(entry.size for entry in self.entries)

    def to_json(self) -> JsonValue:
        """Return the list of entries."""
        return [entry.to_json() for entry in self.entries]

    @classmethod
    def from_json(cls, value: JsonValue) -> Manifest:
        """Undo `to_json`."""
        return cls(tuple(ManifestEntry.from_json(entry) for entry in value))


@dataclass(frozen=True, slots=True)
class Snapshot:
    """
    Our own copy of a checkpoint's files, durable and never written again.

    Attributes:
        folder: Absolute path of the directory that holds the files under the paths of the manifest.
        manifest: What is in it.
        linked: Paths that share their inode with the trainer's file; nobody may link them further.
    """

    folder: str
    manifest: Manifest
    linked: frozenset[str] = frozenset()


# ------------------------------------------------------------------------------------------------------------------- metrics


@dataclass(frozen=True, slots=True)
class Scalar:
    """
    One point of an event file, in TensorBoard's words.

    Attributes:
        run: Directory of the event file relative to the log directory; ``.`` for the log directory itself.
        tag: The summary's tag, verbatim.
        step: The step it was logged for.
        wall_time: Seconds since the epoch on the training host's clock.
        value: May be NaN or infinite: that is what a diverging training logs.
    """

    run: str
    tag: str
    step: int
    wall_time: float
    value: float


@dataclass(frozen=True, slots=True)
class Metric:
    """
    A value joined to a checkpoint.

    Attributes:
        key: ``loss``, ``accuracy``, … without the split.
        split: ``train`` or ``validation``, or another split's own name.
        value: May be NaN or infinite.
        step: The step of the scalar it comes from.
        timestamp: Wall time of that scalar, seconds since the epoch.
        run: The scalar's run.
        tag: The scalar's tag.
        join: How it was matched: ``step``, ``epoch``, ``checkpoint-path``, ``iterations``, ``nearest-step``, ``time``, …
        step_delta: Steps between the checkpoint and the scalar; 0 when it was matched exactly or by epoch.
    """

    key: str
    split: str
    value: float
    step: int
    timestamp: float
    run: str
    tag: str
    join: str
    step_delta: int = 0

    def __post_init__(self) -> None:
        """Refuse a timestamp that is not a finite number, with ValueError."""
        if not math.isfinite(self.timestamp):
            raise ValueError(f"timestamp: {self.timestamp}")

    def to_json(self) -> JsonValue:
        """Return the fields, the value encoded so that NaN survives."""
        return {
            "key": self.key,
            "split": self.split,
            "value": encode_float(self.value),
            "step": self.step,
            "timestamp": self.timestamp,
            "run": self.run,
            "tag": self.tag,
            "join": self.join,
            "step_delta": self.step_delta,
        }

    @classmethod
    def from_json(cls, value: JsonValue) -> Metric:
        """Undo `to_json`."""
        return cls(**{**value, "value": decode_float(value["value"])})


# --------------------------------------------------------------------------------------------------------------- registering


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
    """

    team: str
    model: str
    registration_key: str
    metrics: tuple[Metric, ...]

    @property
    def key(self) -> str:
        """The amendment's own idempotency key: 64 hex digits."""
        return Digest.of_json([self.registration_key, [metric.to_json() for metric in self.metrics]]).hex

    def to_json(self) -> JsonValue:
        """Return the fields."""
        return {
            "team": self.team,
            "model": self.model,
            "registration_key": self.registration_key,
            "metrics": [metric.to_json() for metric in self.metrics],
        }

    @classmethod
    def from_json(cls, value: JsonValue) -> Amendment:
        """Undo `to_json`."""
        return cls(
            value["team"],
            value["model"],
            value["registration_key"],
            tuple(Metric.from_json(metric) for metric in value["metrics"]),
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


# ---------------------------------------------------------------------------------------------------------------- repository


@dataclass(frozen=True, slots=True)
class ModelVersion:
    """
    One version of a registered model as the repository shows it, every event applied.

    Attributes:
        number: 1, 2, 3, … within the model, in order of registration.
        registration: What was registered; `registration.metrics` are the metrics as amended.
        registered: Seconds since the epoch: when the repository took it.
        tags: Sorted.
        notes: The latest notes on this version.
    """

    number: int
    registration: Registration
    registered: float
    tags: tuple[str, ...] = ()
    notes: str = ""


@dataclass(frozen=True, slots=True)
class RegisteredModel:
    """
    A named model of a team.

    Attributes:
        id: ``mo`` and 13 letters or digits; stays the same when the model is renamed.
        team: The owner.
        name: For people; unique within the team.
        created: Seconds since the epoch.
        modified: Seconds since the epoch of the latest version or event.
        tags: Sorted.
        notes: Free text.
        summary: What the uploader said about it, any JSON value, or None.
        versions: Live versions in order of number; the deleted ones are left out.
    """

    id: str
    team: str
    name: str
    created: float
    modified: float
    tags: tuple[str, ...] = ()
    notes: str = ""
    summary: JsonValue = None
    versions: tuple[ModelVersion, ...] = ()

    @property
    def latest(self) -> ModelVersion | None:
        """The live version with the highest number, or None when all are deleted."""
        return self.versions[-1] if self.versions else None
