"""
Which runs a checkpoint belongs to, when several trainings share a log directory.

Runs that differ in their split only are one training: ``logs/train`` and ``logs/validation``, or a model folder and its ``eval``.
A checkpoint belongs to the training that, in this order,

1. is related to it: below the last directory that both share, the path of one ends or goes on with a customary name (``logs``,
   ``runs``, ``checkpoints``, ``export``, a number, …). An unrelated training counts only if it is the only one of all;
2. was at work at the time the checkpoint was complete;
3. is nearest: the fewest uncustomary names that only one of the two paths has;
4. began last before that time.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from modelwatch.metrics.tags import VALIDATION, Reading, read, split_of
from modelwatch.scalars.run import Run

_SPLIT_DIRECTORIES: Final = ("train", "validation", "val", "eval", "test")

LINGER_SECONDS: Final = 15 * 60.0
"""How long after its last value a training may still be at work: saving, exporting, evaluating."""

_EARLY_SECONDS: Final = 60.0  # a checkpoint may be complete before the first value is written: writers buffer
_CUSTOMARY: Final = re.compile(
    r"([a-z0-9]+[-_])?(logs?|logdir|events?|summary|summaries|runs?|tb|tensorboard|ckpts?|checkpoints?|weights|snapshots?|models?"
    r"|exports?|exported|saved|outputs?)|version_\d+|checkpoint-\d+|best|latest|final|\d+",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Training:
    """
    The runs of one training.

    Attributes:
        directory: The runs' directory without the split.
        runs: Each with the split that its directory says, or None.
    """

    directory: str
    runs: tuple[tuple[Run, str | None], ...]

    def span(self) -> tuple[float, float] | None:
        """Return the wall times of its first and last point, or None without points."""
        spans = [span for run, _ in self.runs if (span := run.span()) is not None]
        return (min(first for first, _ in spans), max(last for _, last in spans)) if spans else None

    def readings(self) -> list[Reading]:
        """Return every tag that is a metric, understood. A lone ``test`` or ``eval_…`` split is the validation."""
        found = [reading for run, split in self.runs for tag in run.tags() if (reading := read(run, split, tag)) is not None]
        others = {reading.split for reading in found} - {"train"}
        if len(others) != 1 or VALIDATION in others:
            return found
        return [_as_validation(reading) if reading.split in others else reading for reading in found]


def _as_validation(reading: Reading) -> Reading:
    return Reading(reading.run, reading.tag, VALIDATION, reading.name, reading.axis, reading.rank, reading.is_evaluation)


def trainings(runs: Sequence[Run]) -> list[Training]:
    """Return the trainings that the runs belong to, by directory."""
    directories = frozenset(run.directory for run in runs)
    grouped: dict[str, list[tuple[Run, str | None]]] = {}
    for run in runs:
        parent, _, name = run.directory.rpartition("/")
        split = _directory_split(run, parent, name, directories)
        grouped.setdefault(run.directory if split is None else parent or "/", []).append((run, split))
    return [Training(directory, tuple(members)) for directory, members in sorted(grouped.items())]


def _directory_split(run: Run, parent: str, name: str, directories: frozenset[str]) -> str | None:
    """Return the split that a run's directory is for, or None if it is a training's own directory, whatever it is called."""
    if run.name == "." or any(f"{run.directory}/{split}" in directories for split in _SPLIT_DIRECTORIES):
        return None
    split = split_of(name)
    if split is not None:
        return split
    if parent not in directories and f"{parent}/train" not in directories:
        return None
    if name.lower().startswith("eval_"):
        return name.lower()
    added = _added_scalars(run, name)
    return None if added is None else split_of(added)


def _added_scalars(run: Run, name: str) -> str | None:
    """Return ``train`` for the directory ``Loss_train`` of PyTorch's ``add_scalars("Loss", {"train": …})``, whose one tag is ``Loss``."""
    tags = run.tags()
    prefix = tags[0].replace("/", "_") + "_" if len(tags) == 1 else None
    return name.removeprefix(prefix) if prefix is not None and name.startswith(prefix) else None


def choose(candidates: Sequence[Training], directory: str, committed: float) -> Training | None:
    """
    Return the training that a checkpoint belongs to, or None.

    Args:
        candidates: All trainings.

        directory: Absolute path of the directory that the checkpoint is in.

        committed: When it was complete, seconds since the epoch.
    """
    ranked = []
    for training in candidates:
        span = training.span()
        if span is None:
            continue
        related = _are_related(training.directory, directory)
        if not related and len(candidates) > 1:
            continue
        covers = span[0] - _EARLY_SECONDS <= committed <= span[1] + LINGER_SECONDS
        age = committed - span[0]
        ranked.append(
            (not related, not covers, _distance(training.directory, directory), age < 0, abs(age), training.directory, training)
        )
    return min(ranked, key=lambda entry: entry[:-1])[-1] if ranked else None


def _tails(one: str, two: str) -> tuple[list[str], list[str]]:
    """Return what is left of two paths behind the directories that they share."""
    first = [part for part in one.split("/") if part]
    second = [part for part in two.split("/") if part]
    shared = 0
    while shared < min(len(first), len(second)) and first[shared] == second[shared]:
        shared += 1
    return first[shared:], second[shared:]


def _are_related(one: str, two: str) -> bool:
    return any(not tail or _CUSTOMARY.fullmatch(tail[0]) is not None for tail in _tails(one, two))


def _distance(one: str, two: str) -> tuple[int, int]:
    """Return how many uncustomary names only one of two paths has, and how many steps lead from one to the other."""
    first, second = _tails(one, two)
    different = set(first) ^ set(second)
    return sum(_CUSTOMARY.fullmatch(name) is None for name in different), len(first) + len(second)
