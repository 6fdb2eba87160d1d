"""
The JSON shapes of models, versions and experiments, as the command line prints them and the server answers them: docs/models.md.

Sizes are bytes, times RFC 3339 in UTC, numbers that JSON cannot hold the strings of `modelwatch.core.json`.
"""

from __future__ import annotations

from datetime import UTC, datetime

from modelwatch.core.entities import CheckpointState, Metric, ModelVersion, RegisteredModel, RunReport
from modelwatch.core.json import JsonValue, finite
from modelwatch.repository.experiments import Experiment


def timestamp(seconds: float) -> str | None:
    """Return seconds since the epoch as ``2026-01-31T12:00:00.000Z``, None for what is no time of this calendar."""
    try:
        return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    except (ValueError, OverflowError, OSError):
        return None


def origin(version: ModelVersion) -> str:
    """Return ``generated`` for what a training made and ``uploaded`` for what a person brought."""
    provenance = version.registration.provenance
    return "uploaded" if provenance.experiment is None and provenance.run is None else "generated"


def metric_json(metric: Metric) -> JsonValue:
    """Return a metric and how it was joined."""
    return {**metric.to_json(), "timestamp": timestamp(metric.timestamp)}


def version_json(version: ModelVersion) -> JsonValue:
    """Return a version without the list of its files."""
    registration = version.registration
    return {
        "version": version.number,
        "type": registration.model_type.value,
        "format": registration.format,
        "root": registration.root,
        "step": registration.step,
        "epoch": registration.epoch,
        "origin": origin(version),
        "provenance": registration.provenance.to_json(),
        "created": timestamp(registration.created),
        "registered": timestamp(version.registered),
        "size": registration.manifest.size,
        "files": len(registration.manifest.entries),
        "digest": str(registration.manifest.digest),
        "lifetime": registration.lifetime.value,
        "storage": registration.storage.value,
        "source": registration.source,
        "metrics": [metric_json(metric) for metric in registration.metrics],
        "metadata": finite(registration.metadata),
        "summary": finite(registration.summary),
        "notes": version.notes,
        "tags": list(version.tags),
        "key": registration.key,
    }


def model_json(model: RegisteredModel) -> JsonValue:
    """Return a model without its versions."""
    return {
        "id": model.id,
        "name": model.name,
        "team": model.team,
        "created": timestamp(model.created),
        "modified": timestamp(model.modified),
        "tags": list(model.tags),
        "notes": model.notes,
        "summary": finite(model.summary),
        "versions": len(model.versions),
        "latest": None if model.latest is None else version_json(model.latest),
    }


def files_json(version: ModelVersion) -> JsonValue:
    """Return the files of a version."""
    return version.registration.manifest.to_json()


def experiment_json(experiment: Experiment) -> JsonValue:
    """Return an experiment and which versions came from it."""
    return {
        "id": experiment.id,
        "team": experiment.team,
        "project": experiment.project,
        "runs": list(experiment.runs),
        "size": experiment.size,
        "first": timestamp(experiment.versions[0][1].registered),
        "last": timestamp(experiment.versions[-1][1].registered),
        "versions": [
            {
                "model": model.name,
                "id": model.id,
                "version": version.number,
                "lifetime": version.registration.lifetime.value,
                "size": version.registration.manifest.size,
                "registered": timestamp(version.registered),
            }
            for model, version in experiment.versions
        ],
    }


def run_json(report: RunReport, *, now: float) -> JsonValue:
    """Return a run without its curves and checkpoints, as it looks at `now` (seconds since the epoch)."""
    return {
        "run": report.run,
        "state": report.state.value,
        "silent": report.is_silent(now),
        "reason": report.reason,
        "started": timestamp(report.started),
        "updated": timestamp(report.updated),
        "step": report.last_step,
        "series": len(report.series),
        "checkpoints": len(report.checkpoints),
        "host": report.host,
        "experiment": report.experiment,
        "project": report.project,
        "command": report.command,
        "hyperparameters": dict(report.hyperparameters),
    }


def curves_json(report: RunReport) -> JsonValue:
    """Return the curves of a run; the wall times of their points are seconds since the epoch, as charts take them."""
    return [series.to_json() for series in report.series]


def checkpoint_json(checkpoint: CheckpointState) -> JsonValue:
    """Return what became of a checkpoint."""
    return {**checkpoint.to_json(), "seen": timestamp(checkpoint.seen), "moved": timestamp(checkpoint.moved)}
