"""
Which training step a checkpoint was written at, from the counters in it and from its name.

Content goes before the name: ``global_step`` of TensorFlow 1, then a counter that the program keeps (``step``), then the optimizer's
own count. A name's number is the step only where it is not ``save_counter``, with which CheckpointManager numbers its files by default,
and where it is not a time.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

_ATTRIBUTES: Final = "/.ATTRIBUTES/VARIABLE_VALUE"
_GLOBAL_STEP: Final = frozenset({"global_step", "_global_step"})
_STEP: Final = frozenset({"step", "steps", "current_step", "train_step", "training_step", "iteration", "num_steps", "step_counter"})
_ITERATIONS: Final = frozenset({"iter", "iterations", "_iterations"})
_EPOCH: Final = frozenset({"epoch", "epochs", "current_epoch"})
_SAVE_COUNTER: Final = "save_counter"
_COUNTERS: Final = _GLOBAL_STEP | _STEP | _ITERATIONS | _EPOCH | {_SAVE_COUNTER}

_NUMBER_IN_NAME: Final = re.compile(r"-(\d{1,18})$", re.ASCII)
_EPOCH_IN_NAME: Final = re.compile(r"(?:^|[-_.])epochs?[-_=.]?(\d{1,9})(?!\d)", re.ASCII | re.IGNORECASE)
_FIRST_TIME: Final = 1_000_000_000  # 2001 in seconds since the epoch; training runs count less far


@dataclass(frozen=True, slots=True)
class Progress:
    """
    How far training had come.

    Attributes:
        step: The step, or None.
        step_source: The counter's name, ``name``, or an empty string.
        epoch: The epoch, or None.
    """

    step: int | None = None
    step_source: str = ""
    epoch: int | None = None


def plain_name(tensor_name: str) -> str:
    """Return the name of a variable without the suffix that tf.train.Checkpoint gives to every value."""
    return tensor_name.removesuffix(_ATTRIBUTES)


def is_counter(tensor_name: str) -> bool:
    """Return whether a tensor of this name, if it is one whole number, counts something that `progress` wants to know."""
    return _last_part(tensor_name) in _COUNTERS


def progress(counters: Mapping[str, int], name: str) -> Progress:
    """
    Return the step and epoch of a checkpoint.

    Args:
        counters: Values of the counters in it, by `plain_name`.

        name: The last part of its path, without suffixes.
    """
    in_name = _number_in_name(counters, name)
    counted = _counted(counters)
    step: int | None
    if counted is not None and (counted[1] > 0 or in_name is None):
        source, step = counted
    else:  # a counter that was never advanced says less than a name
        source, step = ("name", in_name) if in_name is not None else ("", None)
    return Progress(step, source, _epoch(counters, name))


def _counted(counters: Mapping[str, int]) -> tuple[str, int] | None:
    for names in (_GLOBAL_STEP, _STEP, _ITERATIONS):
        found = [(-name.count("/"), value, name) for name, value in counters.items() if _last_part(name) in names and value >= 0]
        if found:
            if names is _ITERATIONS:  # several optimizers: the one that has gone furthest
                _, value, name = max(found, key=lambda item: item[1])
            else:
                _, value, name = max(found)
            return name, value
    return None


def _number_in_name(counters: Mapping[str, int], name: str) -> int | None:
    match = _NUMBER_IN_NAME.search(name)
    if match is None:
        return None
    number = int(match[1])
    if number >= _FIRST_TIME or number == counters.get(_SAVE_COUNTER):
        return None
    return number


def _epoch(counters: Mapping[str, int], name: str) -> int | None:
    values = [value for counter, value in counters.items() if _last_part(counter) in _EPOCH and value >= 0]
    if values:
        return max(values)
    match = _EPOCH_IN_NAME.search(name)
    return None if match is None else int(match[1])


def _last_part(tensor_name: str) -> str:
    return plain_name(tensor_name).rpartition("/")[2]
