"""
What a tag means: which split it belongs to, which metric it is, and what its steps count.

TensorBoard prescribes no names; these are the conventions of the frameworks' own writers (docs/formats/event-files.md lists them).
"""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass
from typing import Final

from modelwatch.scalars.run import Run

TRAIN: Final = "train"
VALIDATION: Final = "validation"

_TRAIN_WORDS: Final = frozenset({"train", "training"})
_VALIDATION_WORDS: Final = frozenset({"validation", "val", "valid", "eval", "evaluation", "dev"})
_SPLIT_WORDS: Final = _TRAIN_WORDS | _VALIDATION_WORDS | {"test", "testing"}
_KERAS_ITERATIONS: Final = re.compile(r"evaluation_(.+)_vs_iterations")
_NOT_METRICS: Final = frozenset({"hp_metric"})  # Lightning's placeholder, always -1


class Axis(enum.Enum):
    """
    What the steps of a tag count.

    The order is that of preference between values of one metric that were matched equally well.
    """

    EPOCH = 0
    STEP = 1
    BATCH = 2
    """Batches since ``fit`` was called, from 1: Keras's ``batch_…``."""


@dataclass(frozen=True, slots=True)
class Reading:
    """
    A tag, understood.

    Attributes:
        run: The run that has it.
        tag: The tag itself.
        split: ``train``, ``validation`` or another split's own name.
        name: The metric with the tokens in front of it, lower case, without split and prefixes: ``while/loss``.
        axis: What its steps count.
        rank: Lower is preferred between tags of the same metric.
        is_evaluation: Whether it is Keras's ``evaluation_…_vs_iterations``, whose step is the optimizer's.
    """

    run: Run
    tag: str
    split: str
    name: str
    axis: Axis
    rank: int
    is_evaluation: bool

    @property
    def short_name(self) -> str:
        """The last token of the name."""
        return self.name.rpartition("/")[2]


def split_of(word: str) -> str | None:
    """Return the split that a directory's name or a tag's token means by itself, or None."""
    lower = word.lower()
    if lower in _TRAIN_WORDS:
        return TRAIN
    if lower in _VALIDATION_WORDS:
        return VALIDATION
    if lower in {"test", "testing"}:
        return "test"
    return None


def read(run: Run, directory_split: str | None, tag: str) -> Reading | None:
    """
    Understand a tag.

    Args:
        run: The run that has it.

        directory_split: The split that the run's directory says, or None.

        tag: The tag.

    Returns:
        The reading, or None for a tag that is no metric.
    """
    tokens = [token for token in tag.split("/") if token]
    if not tokens or tokens[-1].lower() in _NOT_METRICS:
        return None
    axis, rank, is_evaluation = Axis.STEP, 0, False
    split: str | None = None
    last = tokens[-1]
    if match := _KERAS_ITERATIONS.fullmatch(last):
        last, is_evaluation, split, rank = match[1], True, VALIDATION, 2
    elif last.startswith("epoch_"):
        last, axis = last.removeprefix("epoch_"), Axis.EPOCH
    elif last.startswith("batch_") and last != "batch_size":
        last, axis = last.removeprefix("batch_"), Axis.BATCH
    elif last.lower().endswith(("_step", "_epoch")) and "_" in last[:-5].rstrip(
        "_"
    ):  # Lightning: train_loss_step, train_loss_epoch
        last, rank = last.rpartition("_")[0], 1 if last.lower().endswith("_step") else 0
    named_split, name = _take_split([*tokens[:-1], last])
    if not name:
        return None
    return Reading(run, tag, named_split or split or directory_split or TRAIN, name.lower(), axis, rank, is_evaluation)


def _take_split(tokens: list[str]) -> tuple[str | None, str]:
    """Return the split that tokens name, and what is left of them: ``Loss/train`` and ``train_loss`` are both (train, loss)."""
    for index, token in enumerate(tokens):
        if token.lower() in _SPLIT_WORDS and len(tokens) > 1:
            return split_of(token), "/".join(tokens[:index] + tokens[index + 1 :])
    words = tokens[-1].split("_")
    if len(words) > 1:
        if words[0].lower() in _SPLIT_WORDS:
            return split_of(words[0]), "/".join([*tokens[:-1], "_".join(words[1:])])
        if words[-1].lower() in _SPLIT_WORDS:
            return split_of(words[-1]), "/".join([*tokens[:-1], "_".join(words[:-1])])
    return None, "/".join(tokens)
