"""Which of a checkpoint's metrics stand in a table: loss and accuracy, of training and of validation."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from modelwatch.core.entities import Metric
from modelwatch.metrics.tags import TRAIN, VALIDATION

# The first that matches any metric decides; of several metrics that it matches the shortest key, then the first by name.
_LOSS: Final = (("", "loss"), ("", "average_loss"), ("", "total_loss"), ("/loss", ""), ("_loss", ""), ("loss", ""))
_ACCURACY: Final = (("", "accuracy"), ("", "acc"), ("_accuracy", ""), ("_acc", ""), ("/accuracy", ""), ("/acc", ""))


@dataclass(frozen=True, slots=True)
class Headline:
    """
    The numbers that people look at first; None where there is none.

    Attributes:
        loss: Of training.
        accuracy: Of training.
        validation_loss: Of validation; of the only other split, if there is one and no validation.
        validation_accuracy: As `validation_loss`.
    """

    loss: Metric | None = None
    accuracy: Metric | None = None
    validation_loss: Metric | None = None
    validation_accuracy: Metric | None = None


def headline(metrics: Iterable[Metric]) -> Headline:
    """Return the loss and the accuracy among `metrics`: what is called just that, before what ends in it."""
    by_split: dict[str, list[Metric]] = {}
    for metric in metrics:
        by_split.setdefault(metric.split, []).append(metric)
    others = sorted(by_split.keys() - {TRAIN})
    evaluation = by_split.get(VALIDATION) or (by_split[others[0]] if len(others) == 1 else [])
    training = by_split.get(TRAIN, [])
    return Headline(_first(training, _LOSS), _first(training, _ACCURACY), _first(evaluation, _LOSS), _first(evaluation, _ACCURACY))


def _first(metrics: Sequence[Metric], wanted: Sequence[tuple[str, str]]) -> Metric | None:
    for ending, name in wanted:
        found = [metric for metric in metrics if (metric.key.endswith(ending) if ending else metric.key == name)]
        if found:
            return min(found, key=lambda metric: (len(metric.key), metric.key))
    return None
