"""What the index answers, in the JSON shapes of `modelwatch.repository.json_shapes`: docs/models.md."""

from __future__ import annotations

from collections.abc import Sequence

from modelwatch.core.json import JsonValue
from modelwatch.repository.index.answers import ExperimentVersion, IndexedExperiment, IndexedModel, IndexedVersion
from modelwatch.repository.json_shapes import model_json, timestamp, version_json
from modelwatch.repository.summaries import ModelSummary, VersionSummary


def indexed_model_json(model: IndexedModel) -> JsonValue:
    """Return a model without its versions, but for the latest and the best."""
    summary = ModelSummary(
        id=model.id,
        team=model.team,
        name=model.name,
        created=model.created,
        modified=model.modified,
        tags=model.tags,
        notes=model.notes,
        summary=model.summary,
        versions=model.versions,
        latest=None if model.latest is None else VersionSummary.of(model.latest),
        public=model.public,
    )
    return {
        **model_json(summary),
        "size": model.size,
        "best": None if model.best is None else version_json(model.best),
        "aliases": {alias.name: alias.number for alias in model.aliases},
    }


def indexed_version_json(version: IndexedVersion) -> JsonValue:
    """Return a version without the list of its files, and its names."""
    names = [*(["latest"] if version.latest else []), *(["best"] if version.best else [])]
    return {**version_json(version.version), "names": [*names, *(name for name in version.aliases if name not in names)]}


def indexed_experiment_json(team: str, experiment: IndexedExperiment, versions: Sequence[ExperimentVersion]) -> JsonValue:
    """Return an experiment and which versions came from it."""
    return {
        "id": experiment.id,
        "team": team,
        "project": experiment.project,
        "runs": sorted({version.run for version in versions if version.run is not None}),
        "size": experiment.size,
        "first": timestamp(experiment.first),
        "last": timestamp(experiment.last),
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
            for version in versions
        ],
    }
