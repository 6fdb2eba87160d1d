"""
Checkpoint → the values logged for it.

The rules, each tried for every tag; of several tags of one metric the one matched by the earliest rule gives the value:

1. ``checkpoint-path``: an evaluation that names the checkpoint (tf.estimator);
2. ``step``: logged at the checkpoint's own step. Lightning logs what belongs to step S at S - 1;
3. ``iterations``: Keras's ``epoch_…`` of the epoch whose ``evaluation_…_vs_iterations`` was logged at the checkpoint's iterations;
4. ``epoch``: Keras counts epochs from 1 in file names and from 0 in event files;
5. ``batch``, ``nearest-step``: training only, a value logged a little before the checkpoint's step. Never for validation: a model's
   validation is its own or none;
6. ``time``: the last values at the time the checkpoint was complete, and the validation of that same step.

A checkpoint of a restarted training gets the values of its own attempt (`modelwatch.metrics.attempts`). Time is compared only with the
clock of the host that trained; copies that lost their times still match by step and epoch. docs/formats/event-files.md has the
evidence for each rule.
"""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Final, Protocol

from modelwatch.core.entities import Checkpoint, Metric
from modelwatch.metrics.attempts import TOLERANCE_SECONDS
from modelwatch.metrics.matcher import Match, Matcher
from modelwatch.metrics.trainings import choose, trainings
from modelwatch.scalars.run import Run

METRICS_LIMIT: Final = 256
"""How many metrics a checkpoint gets at most; the rest, by name, are tags of single layers and the like."""


class ScalarSource(Protocol):
    """Where the runs come from: `modelwatch.scalars.logdir.LogDirectories`."""

    def view(self) -> AbstractContextManager[tuple[Run, ...]]:
        """Give all runs and keep them from changing meanwhile."""


@dataclass(frozen=True, slots=True)
class Joined:
    """
    What is known of a checkpoint's metrics.

    Attributes:
        metrics: One for each split and key, sorted.
        pending: More or better values may still be logged. It says what the event files say; that the training has ended, or that
            waiting was long enough (the longer of 15 minutes and three times the last evaluation), is the caller's to know.
    """

    metrics: tuple[Metric, ...]
    pending: bool


def join(  # noqa: PLR0913 - a checkpoint, where and when it was made, and what is known of its training
    checkpoint: Checkpoint,
    *,
    directory: str,
    committed: float,
    scalars: ScalarSource,
    began: float | None = None,
    final: bool = True,
) -> Joined:
    """
    Return the metrics of a checkpoint, as far as the event files tell by now.

    A value that is only near is given once nothing better can come any more: a number that is shown is not taken back for another one
    a moment later.

    Args:
        checkpoint: The checkpoint.

        directory: Absolute path of the directory that its root is in.

        committed: When it was complete on disk, seconds since the epoch.

        scalars: The event files, polled after the checkpoint was complete.

        began:
            When the checkpoint's training began, seconds since the epoch, if that is known. Its checkpoints do not get what an earlier
            training in the same folder logged for the same step or epoch.

        final: Nothing more will be logged, or be waited for: give what is near too.
    """
    directory = os.path.realpath(directory)  # as the runs' directories are
    with scalars.view() as runs:
        training = choose(trainings(runs), directory, committed)
        if training is None:
            return Joined((), pending=True)
        matcher = Matcher(checkpoint, directory, committed, training)
        found = [match for reading in matcher.readings if (match := matcher.match(reading)) is not None]
        since = -math.inf if began is None or committed < began else began - TOLERANCE_SECONDS
        matches = [match for match in found if math.isfinite(match.point.wall_time) and match.point.wall_time >= since]
        return Joined(_metrics(matches if final else matcher.settled(matches)), pending=matcher.is_pending(matches))


# ------------------------------------------------------------------------------------------------------------------- results


def _metrics(matches: Sequence[Match]) -> tuple[Metric, ...]:
    """Return one metric for each split and key. A key is the metric's last token, or all of them where that would be ambiguous."""
    names: dict[tuple[str, str], set[str]] = {}
    for match in matches:
        names.setdefault((match.reading.split, match.reading.short_name), set()).add(match.reading.name)
    best: dict[tuple[str, str], Match] = {}
    for match in sorted(matches, key=lambda match: match.order):
        reading = match.reading
        is_plain = len(names[reading.split, reading.short_name]) == 1
        best.setdefault((reading.split, reading.short_name if is_plain else reading.name), match)
    found = [
        Metric(
            key=key,
            split=split,
            value=match.point.value,
            step=match.point.step,
            timestamp=match.point.wall_time,
            run=match.reading.run.name,
            tag=match.reading.tag,
            join=match.rule,
            step_delta=match.step_delta,
        )
        for (split, key), match in best.items()
    ]
    found.sort(key=lambda metric: (metric.key.count("/"), not _is_wanted(metric.key), metric.key, metric.split))
    return tuple(sorted(found[:METRICS_LIMIT], key=lambda metric: (metric.split, metric.key)))


def _is_wanted(key: str) -> bool:
    return "loss" in key or "acc" in key
