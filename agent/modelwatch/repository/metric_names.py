"""What a version's metrics are called in one word, and by which of them one version is better than another."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Final

from modelwatch.core.entities import Metric, ModelVersion
from modelwatch.core.json import JsonValue

BEST: Final = (("val_loss", False), ("val_accuracy", True), ("loss", False), ("accuracy", True))
"""By what the best version is chosen: the first of these that any version has as a finite number, and whether more is better."""


def metric_name(metric: Metric) -> str:
    """Return the key, behind ``val_`` when it is of validation, or behind another split's own name; training's has nothing before it."""
    match metric.split:
        case "train":
            return str(metric.key)
        case "validation":
            return f"val_{metric.key}"
        case split:
            return f"{split}_{metric.key}"


def by_name(metrics: Iterable[Metric]) -> dict[str, Metric]:
    """Return metrics by their names; of several with one name the first."""
    found: dict[str, Metric] = {}
    for metric in metrics:
        found.setdefault(metric_name(metric), metric)
    return found


def told_in(summary: JsonValue) -> dict[str, float]:
    """Return the loss and the accuracy that an upload's summary tells, by name: as a number, or as Gradient does, ``{"result": {"mean": …}}``."""
    if not isinstance(summary, Mapping):
        return {}
    return {key: value for key in ("loss", "accuracy") if (value := _number(summary.get(key))) is not None}


def _number(value: JsonValue) -> float | None:
    if isinstance(value, Mapping):
        result = value.get("result")
        value = result.get("mean") if isinstance(result, Mapping) else None
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def best_of(versions: Iterable[ModelVersion]) -> ModelVersion | None:
    """Return the best of some versions by their metrics, of equal ones the lowest number; None when none has such a metric."""
    known = [(version, by_name(version.registration.metrics)) for version in sorted(versions, key=lambda version: version.number)]
    for name, more_is_better in BEST:
        rated = [(metrics[name].value, version) for version, metrics in known if name in metrics]
        finite = [(value, version) for value, version in rated if math.isfinite(value)]
        if finite:
            return (max if more_is_better else min)(finite, key=lambda pair: pair[0])[1]
    return None
