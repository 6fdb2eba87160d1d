"""
The JSON shapes of models, versions and experiments, as the command line prints them and the server answers them: docs/models.md.

Sizes are bytes, times RFC 3339 in UTC, numbers that JSON cannot hold the strings of `modelwatch.core.json`. Each ``…_from_json`` undoes its
``…_json``, ignores fields that it does not know, and raises ValueError, KeyError, TypeError or AttributeError for anything else.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime

from modelwatch.core.digest import Digest
from modelwatch.core.entities import (
    CheckpointState,
    Lifetime,
    Manifest,
    Metric,
    ModelType,
    ModelVersion,
    Provenance,
    RegisteredModel,
    RunReport,
    Storage,
)
from modelwatch.core.json import JsonValue
from modelwatch.repository.deleted import Deleted
from modelwatch.repository.experiments import Experiment
from modelwatch.repository.summaries import ExperimentSummary, ExperimentVersion, ModelSummary, RunSummary, VersionSummary

_NO_TIME = sys.float_info.max
"""Seconds that are no time of this calendar, which is what `timestamp` tells as None."""


def timestamp(seconds: float) -> str | None:
    """Return seconds since the epoch as ``2026-01-31T12:00:00.000Z``, None for what is no time of this calendar."""
    try:
        return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    except (ValueError, OverflowError, OSError):
        return None


def seconds_of(text: str | None) -> float:
    """Undo `timestamp`, to the millisecond. Raise ValueError or TypeError for anything else."""
    if text is None:
        return _NO_TIME
    time = datetime.fromisoformat(text)
    return time.replace(tzinfo=time.tzinfo or UTC).timestamp()


def origin(version: ModelVersion) -> str:
    """Return ``generated`` for what a training made and ``uploaded`` for what a person brought."""
    return VersionSummary.of(version).origin


def metric_json(metric: Metric) -> JsonValue:
    """Return a metric and how it was joined."""
    return {**metric.to_json(), "timestamp": timestamp(metric.timestamp)}


def metric_from_json(value: JsonValue) -> Metric:
    """Undo `metric_json`."""
    known = {name: value[name] for name in Metric.__slots__ if name in value}
    return Metric.from_json({**known, "timestamp": seconds_of(value["timestamp"])})


def version_json(version: ModelVersion | VersionSummary) -> JsonValue:
    """Return a version without the list of its files."""
    shown = version if isinstance(version, VersionSummary) else VersionSummary.of(version)
    return {
        "version": shown.number,
        "type": shown.model_type.value,
        "format": shown.format,
        "root": shown.root,
        "step": shown.step,
        "epoch": shown.epoch,
        "origin": shown.origin,
        "provenance": shown.provenance.to_json(),
        "created": timestamp(shown.created),
        "registered": timestamp(shown.registered),
        "size": shown.size,
        "files": shown.files,
        "digest": str(shown.digest),
        "lifetime": shown.lifetime.value,
        "storage": shown.storage.value,
        "source": shown.source,
        "metrics": [metric_json(metric) for metric in shown.metrics],
        "metadata": dict(shown.metadata),
        "summary": shown.summary,
        "notes": shown.notes,
        "tags": list(shown.tags),
        "key": shown.key,
    }


def version_from_json(value: JsonValue) -> VersionSummary:
    """Undo `version_json`; `files` may be the list of them as well."""
    files = value["files"]
    return VersionSummary(
        number=int(value["version"]),
        model_type=ModelType.parse(value["type"]),
        format=str(value["format"]),
        root=str(value["root"]),
        step=value["step"],
        epoch=value["epoch"],
        provenance=Provenance.from_json(value["provenance"]),
        created=seconds_of(value["created"]),
        registered=seconds_of(value["registered"]),
        size=int(value["size"]),
        files=len(files) if isinstance(files, list) else int(files),
        digest=Digest.parse(value["digest"]),
        lifetime=Lifetime(value["lifetime"]),
        storage=Storage(value["storage"]),
        source=str(value["source"]),
        metrics=tuple(metric_from_json(metric) for metric in value["metrics"]),
        metadata=dict(value["metadata"]),
        summary=value["summary"],
        notes=str(value["notes"]),
        tags=tuple(map(str, value["tags"])),
        key=str(value["key"]),
    )


def model_json(model: RegisteredModel | ModelSummary) -> JsonValue:
    """Return a model without its versions."""
    shown = model if isinstance(model, ModelSummary) else ModelSummary.of(model)
    return {
        "id": shown.id,
        "name": shown.name,
        "team": shown.team,
        "created": timestamp(shown.created),
        "modified": timestamp(shown.modified),
        "tags": list(shown.tags),
        "notes": shown.notes,
        "summary": shown.summary,
        "public": shown.public,
        "aliases": dict(shown.aliases),
        "versions": shown.versions,
        "latest": None if shown.latest is None else version_json(shown.latest),
    }


def model_from_json(value: JsonValue) -> ModelSummary:
    """Undo `model_json`."""
    return ModelSummary(
        id=str(value["id"]),
        team=str(value["team"]),
        name=str(value["name"]),
        created=seconds_of(value["created"]),
        modified=seconds_of(value["modified"]),
        tags=tuple(map(str, value["tags"])),
        notes=str(value["notes"]),
        summary=value["summary"],
        versions=int(value["versions"]),
        latest=None if value["latest"] is None else version_from_json(value["latest"]),
        public=value.get("public") is True,
        aliases={str(name): int(number) for name, number in (value.get("aliases") or {}).items()},
    )


def files_json(manifest: Manifest | ModelVersion) -> JsonValue:
    """Return the files of a version."""
    return (manifest.registration.manifest if isinstance(manifest, ModelVersion) else manifest).to_json()


def experiment_json(experiment: Experiment | ExperimentSummary) -> JsonValue:
    """Return an experiment and which versions came from it."""
    shown = experiment if isinstance(experiment, ExperimentSummary) else ExperimentSummary.of(experiment)
    return {
        "id": shown.id,
        "team": shown.team,
        "project": shown.project,
        "runs": list(shown.runs),
        "size": shown.size,
        "first": timestamp(shown.versions[0].registered),
        "last": timestamp(shown.versions[-1].registered),
        "versions": [
            {
                "model": version.model,
                "id": version.model_id,
                "version": version.number,
                "type": version.model_type.value,
                "step": version.step,
                "epoch": version.epoch,
                "lifetime": version.lifetime.value,
                "size": version.size,
                "registered": timestamp(version.registered),
            }
            for version in shown.versions
        ],
    }


def experiment_from_json(value: JsonValue) -> ExperimentSummary:
    """Undo `experiment_json`."""
    return ExperimentSummary(
        id=str(value["id"]),
        team=str(value["team"]),
        project=value["project"],
        runs=tuple(map(str, value["runs"])),
        versions=tuple(_experiment_version_from_json(version) for version in value["versions"]),
    )


def _experiment_version_from_json(value: JsonValue) -> ExperimentVersion:
    return ExperimentVersion(
        model=str(value["model"]),
        model_id=str(value["id"]),
        number=int(value["version"]),
        model_type=ModelType.parse(value["type"]),
        step=value["step"],
        epoch=value["epoch"],
        lifetime=Lifetime(value["lifetime"]),
        size=int(value["size"]),
        registered=seconds_of(value["registered"]),
    )


def deleted_json(deleted: Deleted) -> JsonValue:
    """Return what was deleted and can be restored."""
    return {
        "model": deleted.model,
        "id": deleted.model_id,
        "version": deleted.version,
        "versions": list(deleted.versions),
        "deleted": timestamp(deleted.deleted),
        "until": timestamp(deleted.until),
    }


def deleted_from_json(value: JsonValue) -> Deleted:
    """Undo `deleted_json`."""
    return Deleted(
        model=str(value["model"]),
        model_id=str(value["id"]),
        version=None if value["version"] is None else int(value["version"]),
        versions=tuple(map(int, value["versions"])),
        deleted=seconds_of(value["deleted"]),
        until=seconds_of(value["until"]),
    )


def run_json(run: RunSummary) -> JsonValue:
    """Return a run without its curves and checkpoints."""
    return {
        "run": run.run,
        "state": run.state,
        "silent": run.silent,
        "reason": run.reason,
        "started": timestamp(run.started),
        "updated": timestamp(run.updated),
        "step": run.step,
        "series": run.series,
        "checkpoints": run.checkpoints,
        "host": run.host,
        "experiment": run.experiment,
        "project": run.project,
        "command": run.command,
        "hyperparameters": dict(run.hyperparameters),
    }


def run_from_json(value: JsonValue) -> RunSummary:
    """Undo `run_json`."""
    return RunSummary(
        run=str(value["run"]),
        state=str(value["state"]),
        silent=bool(value["silent"]),
        reason=str(value["reason"]),
        started=seconds_of(value["started"]),
        updated=seconds_of(value["updated"]),
        step=value["step"],
        series=int(value["series"]),
        checkpoints=int(value["checkpoints"]),
        host=value["host"],
        experiment=value["experiment"],
        project=value["project"],
        command=value["command"],
        hyperparameters=dict(value["hyperparameters"]),
    )


def curves_json(report: RunReport) -> JsonValue:
    """Return the curves of a run; the wall times of their points are seconds since the epoch, as charts take them."""
    return [series.to_json() for series in report.series]


def checkpoint_json(checkpoint: CheckpointState) -> JsonValue:
    """Return what became of a checkpoint."""
    return {**checkpoint.to_json(), "seen": timestamp(checkpoint.seen), "moved": timestamp(checkpoint.moved)}
