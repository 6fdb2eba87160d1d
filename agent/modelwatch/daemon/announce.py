"""What the agent tells people: one line for each version, and one at the end."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from modelwatch.config.settings import Settings
from modelwatch.core import log
from modelwatch.core.entities import Metric, Receipt
from modelwatch.core.log import printable
from modelwatch.core.sizes import size_in_words
from modelwatch.daemon.work import Unfinished
from modelwatch.journal.rows import Delivery
from modelwatch.metrics.summary import headline
from modelwatch.sinks.opening import options_for, repository_of

_TOLD = 3
"""Checkpoints that did not become versions and are named at the end; `modelwatch status` has them all."""


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
        size=size_in_words(registration.manifest.size),
    )


def summary(counts: Counts) -> None:
    """Tell what was done."""
    log.info("done", registered=counts.registered, amended=counts.amended)


def nothing_recognised(files: int) -> None:
    """Tell that there are files and none of them is a model of a kind that is looked for."""
    log.warning(
        f"{_counted(files, 'file is', 'files are')} in the model path, and no model that is recognised",
        hint="`modelwatch doctor` shows what is looked for; --modelType Custom takes files and folders of any kind",
    )


def not_registered(unfinished: Sequence[Unfinished]) -> None:
    """Tell which checkpoints did not become versions, and why."""
    for late in (False, True):
        found = [entry for entry in unfinished if entry.late == late]
        if found:
            told = "; ".join(f"{printable(entry.root or '.')}: {printable(entry.reason)}" for entry in found[:_TOLD])
            more = f"; and {len(found) - _TOLD} more: see `modelwatch status`" if len(found) > _TOLD else ""
            what = "not registered in time; `modelwatch watch --once` does it" if late else "never completed"
            log.warning(f"{_counted(len(found), 'checkpoint was', 'checkpoints were')} {what}: {told}{more}")


def lost(number: int) -> None:
    """Tell how many complete checkpoints were destroyed while they waited for room in the snapshots."""
    if number:
        what = f"{_counted(number, 'checkpoint was', 'checkpoints were')} deleted or overwritten before there was room to copy"
        log.warning(f"{what}: `modelwatch status` names them; --snapshotBudget gives more room")


def left(deliveries: Mapping[str, int], ours: Collection[str], settings: Settings) -> None:
    """Tell what is still to be delivered and the command that does it: to where it was meant to go, and, if that was another repository, to ours."""
    for sink, number in deliveries.items():
        counted = _counted(number, "delivery is", "deliveries are")
        if sink in ours:
            what = f"{counted} left and kept; finish with: {_drain(settings, sink)}"
        else:
            here = "".join(f", or have them here: {_drain(settings, our)} --redirect" for our in ours)
            what = f"{counted} left and kept for another repository; finish with: {_drain(settings, sink)}{here}"
        log.warning(what)


def redirected(deliveries: Mapping[str, int], sink: str) -> None:
    """Tell what was given another address."""
    for other, number in deliveries.items():
        log.info(
            f"{_counted(number, 'delivery is', 'deliveries are')} redirected", before=repository_of(other), now=repository_of(sink)
        )


def _drain(settings: Settings, sink: str) -> str:
    place = ["--stateDir", settings.state_dir] if settings.state_dir else []
    command = ["modelwatch", "drain", "--modelPath", settings.model_path, *place, *options_for(sink)]
    return printable(shlex.join(command))


def elsewhere(registered: Mapping[str, int]) -> None:
    """Tell that versions were registered with another repository before, and are therefore not registered again."""
    for sink, number in registered.items():
        log.warning(
            f"{_counted(number, 'checkpoint', 'checkpoints')} of this folder went to another repository before, and will not go to this one",
            before=repository_of(sink),
            hint="to register them here as well, give another --stateDir; to have here what did not arrive there: modelwatch drain --redirect",
        )


def _counted(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"


def _numbers(metrics: tuple[Metric, ...]) -> dict[str, str]:
    head = headline(metrics)
    values = {
        "loss": head.loss,
        "accuracy": head.accuracy,
        "val_loss": head.validation_loss,
        "val_accuracy": head.validation_accuracy,
    }
    return {key: f"{metric.value:.4f}" for key, metric in values.items() if metric is not None}
