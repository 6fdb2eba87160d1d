"""
A model as Gradient's service tells it: every field of the real record, in its own words.

Source: the example responses in the tests of Paperspace/gradient-cli 1.11.0, and the schemas of its `api_sdk`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from modelwatch.core.entities import ModelVersion
from modelwatch.core.json import JsonValue, encode_float
from modelwatch.metrics.summary import headline
from modelwatch.repository.index.answers import IndexedModel, Point
from modelwatch.repository.json_shapes import timestamp

_OPERATIONS = ("mean", "amin", "amax", "median", "std", "var")
_SPREAD = frozenset({"std", "var"})
_TRAIN = "train"


def record(model: IndexedModel, version: ModelVersion | None, points: Iterable[Point], *, identifier: str) -> JsonValue:
    """
    Return a model's record.

    Args:
        model: The model.

        version: The version that the record is about: the latest, or the one that an upload made. None when all were deleted.

        points: Every version's metrics, for `detail`.

        identifier: The id that the client knows it by.
    """
    registration = None if version is None else version.registration
    provenance = None if registration is None else registration.provenance
    generated = provenance is not None and (provenance.run is not None or provenance.experiment is not None)
    return {
        "id": identifier,
        "name": model.name,
        "projectId": None if provenance is None else provenance.project,
        "experimentId": None if provenance is None else provenance.experiment,
        "updatedByUserId": None,
        "updatedByUserEmail": None,
        "accessorHandles": None,
        "modelType": "Custom" if registration is None else registration.model_type.value,
        "tag": None,
        "tags": list(model.tags) or None,
        "summary": _summary(version, generated=generated),
        "detail": _detail(points) or None,
        "params": None,
        "url": f"modelwatch://{model.team}/{model.id}/{version.number}/" if version is not None else None,
        "notes": model.notes or None,
        "isDeleted": False,
        "isPublic": model.public,
        "dtCreated": timestamp(model.created),
        "dtModified": timestamp(model.modified),
        "dtUploaded": None if version is None else timestamp(version.registered),
        "dtDeleted": None,
        "modelPath": (registration.source or None) if registration is not None and generated else None,
        "deploymentState": "Stopped",
        "datasetId": None,
        "datasetVersionId": None,
        "datasetVersion": None,
        "datasetRef": None if registration is None else _dataset(registration.metadata),
    }


def _dataset(metadata: JsonValue) -> JsonValue:
    return metadata.get("datasetRef") if isinstance(metadata, dict) else None


def _summary(version: ModelVersion | None, *, generated: bool) -> JsonValue:
    """
    Return what the uploader said, or loss and accuracy in the shape of Gradient's: of one checkpoint each, so every aggregate is it.

    The client's schema takes an object and drops everything else.
    """
    if version is None:
        return None
    given = version.registration.summary
    if not generated or given is not None:
        return given
    numbers = headline(version.registration.metrics)
    chosen = {
        "loss": numbers.validation_loss or numbers.loss,
        "accuracy": numbers.validation_accuracy or numbers.accuracy,
    }
    return {
        name: {"scalar": name, "result": _aggregates(metric.value)} for name, metric in chosen.items() if metric is not None
    } or None


def _aggregates(value: float) -> JsonValue:
    same = encode_float(value)
    return {"max": same, "min": same, "mean": same, "median": same, "stddev": 0, "var": 0}


def _detail(points: Iterable[Point]) -> list[JsonValue]:
    """Return every metric over the checkpoints, by session and scalar; evaluation's session is ``eval``."""
    sessions: dict[str, dict[str, list[Point]]] = {}
    for point in points:
        session = _TRAIN if point.split == _TRAIN else "eval" if point.split == "validation" else point.split
        sessions.setdefault(session, {}).setdefault(point.key, []).append(point)
    return [
        {
            "session": session,
            "scalars": [{"scalar": key, "data": _data(found)} for key, found in sorted(scalars.items())],
        }
        for session, scalars in sorted(sessions.items())
    ]


def _data(points: Sequence[Point]) -> list[JsonValue]:
    stepped = [point for point in points if point.step is not None]
    return [
        {
            "operation": operation,
            "checkpoints": [
                {"checkpoint": point.step, "value": 0 if operation in _SPREAD else encode_float(point.value)} for point in stepped
            ],
        }
        for operation in _OPERATIONS
    ]
