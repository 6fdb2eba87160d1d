"""The numbers that people look at first, of a version and of a model."""

from __future__ import annotations

import math
from dataclasses import dataclass

from modelwatch.core.entities import Metric, ModelVersion
from modelwatch.core.sizes import size_in_words
from modelwatch.metrics.summary import Headline, headline
from modelwatch.metrics.tags import VALIDATION
from modelwatch.repository.index.answers import IndexedModel
from modelwatch.repository.metric_names import by_name, told_in
from modelwatch.server.pages import words


@dataclass(frozen=True, slots=True)
class Figure:
    """
    One number in large letters.

    Attributes:
        label: What it is.
        value: The number, as it is shown.
        beside: What stands below it, in lines.
    """

    label: str
    value: str
    beside: str = ""


def metrics_of(version: ModelVersion) -> tuple[Metric, ...]:
    """Return a version's metrics, with the loss and accuracy that its uploader told in the summary when no metric tells any."""
    metrics = version.registration.metrics
    return metrics if headline(metrics) != Headline() else (*metrics, *_told_by_uploader(version))


def metric_of(version: ModelVersion, name: str) -> Metric | None:
    """Return a version's metric by its name, or None."""
    return by_name(metrics_of(version)).get(name)


def headline_of(version: ModelVersion) -> Headline:
    """Return a version's loss and accuracy: those of its metrics, or else what its uploader told in the summary."""
    head = headline(version.registration.metrics)
    return head if head != Headline() else headline(_told_by_uploader(version))


def _told_by_uploader(version: ModelVersion) -> tuple[Metric, ...]:
    step, told = version.registration.step or 0, told_in(version.registration.summary)
    return tuple(
        Metric(key, VALIDATION, value, step, version.registered, run="", tag=key, join="summary") for key, value in told.items()
    )


def of_version(version: ModelVersion) -> list[Figure]:
    """Return a version's figures."""
    head = headline_of(version)
    registration = version.registration
    return [
        _metric("Loss", head.validation_loss, head.loss),
        _metric("Accuracy", head.validation_accuracy, head.accuracy),
        _step(version),
        Figure("Size", size_in_words(registration.manifest.size), _files(len(registration.manifest.entries))),
    ]


def of_model(model: IndexedModel) -> list[Figure]:
    """Return a model's figures: those of its latest version, and the best beside them."""
    if model.latest is None:
        return [Figure("Versions", "0", "all were deleted")]
    head = headline_of(model.latest)
    best, number = Headline(), ""
    if model.best is not None and model.best.number != model.latest.number:
        best, number = headline_of(model.best), f"in version {model.best.number}"
    return [
        _metric("Loss", head.validation_loss, head.loss, best.validation_loss or best.loss, number),
        _metric("Accuracy", head.validation_accuracy, head.accuracy, best.validation_accuracy or best.accuracy, number),
        _step(model.latest),
        Figure("Versions", words.count(model.versions), f"the latest is {model.latest.number}"),
        Figure("Size", size_in_words(model.size), "of all versions"),
    ]


def _metric(label: str, validation: Metric | None, training: Metric | None, best: Metric | None = None, number: str = "") -> Figure:
    shown = validation or training
    if shown is None:
        return Figure(label, "–", "none was logged")
    beside = []
    if validation is None:
        beside.append("training")
    elif training is not None:
        beside.append(f"train {words.value(training.value)}")
    if best is not None and math.isfinite(best.value):
        beside.append(f"best {words.value(best.value)} {number}")
    return Figure(label, words.value(shown.value), "\n".join(beside))


def _step(version: ModelVersion) -> Figure:
    step, epoch = version.registration.step, version.registration.epoch
    if step is None:
        return Figure("Epoch", words.count(epoch)) if epoch is not None else Figure("Step", "–")
    return Figure("Step", words.count(step), "" if epoch is None else f"epoch {words.count(epoch)}")


def _files(number: int) -> str:
    return "1 file" if number == 1 else f"{words.count(number)} files"
