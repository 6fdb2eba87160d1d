"""What the agent tells people: one line for each version, and one at the end."""

from __future__ import annotations

from dataclasses import dataclass

from modelwatch.core import log
from modelwatch.core.entities import Metric, Receipt
from modelwatch.journal.journal import Delivery
from modelwatch.metrics.summary import headline

_UNITS = ("B", "kB", "MB", "GB", "TB")


@dataclass(slots=True)
class Counts:
    """
    What one agent has done.

    Attributes:
        registered: Versions that a sink took.
        amended: Versions whose metrics were brought up to date.
    """

    registered: int = 0
    amended: int = 0

    @property
    def deliveries(self) -> int:
        """Everything that a sink took."""
        return self.registered + self.amended

    def arrived(self, delivery: Delivery) -> None:
        """Count one delivery."""
        if delivery.amendment is None:
            self.registered += 1
        else:
            self.amended += 1


def delivered(delivery: Delivery, receipt: Receipt) -> None:
    """Tell that a version was registered, or that its metrics changed."""
    registration = delivery.registration
    metrics = registration.metrics if delivery.amendment is None else delivery.amendment.metrics
    place = {"step": registration.step} if registration.step is not None else {"epoch": registration.epoch}
    log.info(
        "registered" if delivery.amendment is None else "metrics amended",
        model=receipt.model,
        version=receipt.version,
        checkpoint=registration.root or ".",
        **{key: value for key, value in place.items() if value is not None},
        **_numbers(metrics),
        size=_size(registration.manifest.size),
    )


def summary(counts: Counts, *, left: int, model_path: str) -> None:
    """Tell what was done, and what is left and how to finish it."""
    log.info("done", registered=counts.registered, amended=counts.amended)
    if left:
        log.warning(f"{left} deliveries are left and kept; finish them with: modelwatch drain --modelPath {model_path}")


def _numbers(metrics: tuple[Metric, ...]) -> dict[str, str]:
    head = headline(metrics)
    values = {
        "loss": head.loss,
        "accuracy": head.accuracy,
        "val_loss": head.validation_loss,
        "val_accuracy": head.validation_accuracy,
    }
    return {key: f"{metric.value:.4f}" for key, metric in values.items() if metric is not None}


def _size(count: float) -> str:
    for unit in _UNITS[:-1]:
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} {_UNITS[-1]}"
