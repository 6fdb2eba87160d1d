"""A logged value that was joined to a checkpoint."""

from __future__ import annotations

import math
from dataclasses import dataclass

from modelwatch.core.json import JsonValue, decode_float, encode_float


@dataclass(frozen=True, slots=True)
class Metric:
    """
    A value joined to a checkpoint.

    Attributes:
        key: ``loss``, ``accuracy``, … without the split.
        split: ``train`` or ``validation``, or another split's own name.
        value: May be NaN or infinite.
        step: The step of the scalar it comes from.
        timestamp: Wall time of that scalar, seconds since the epoch.
        run: The scalar's run.
        tag: The scalar's tag.
        join: How it was matched: ``step``, ``epoch``, ``checkpoint-path``, ``iterations``, ``nearest-step``, ``time``, …
        step_delta: Steps between the checkpoint and the scalar; 0 when it was matched exactly or by epoch.
    """

    key: str
    split: str
    value: float
    step: int
    timestamp: float
    run: str
    tag: str
    join: str
    step_delta: int = 0

    def __post_init__(self) -> None:
        """Refuse a timestamp that is not a finite number, with ValueError."""
        if not math.isfinite(self.timestamp):
            raise ValueError(f"timestamp: {self.timestamp}")

    def to_json(self) -> JsonValue:
        """Return the fields, the value encoded so that NaN survives."""
        return {
            "key": self.key,
            "split": self.split,
            "value": encode_float(self.value),
            "step": self.step,
            "timestamp": self.timestamp,
            "run": self.run,
            "tag": self.tag,
            "join": self.join,
            "step_delta": self.step_delta,
        }

    @classmethod
    def from_json(cls, value: JsonValue) -> Metric:
        """Undo `to_json`."""
        if type(value["value"]) is float:
            return cls(**value)
        return cls(**{**value, "value": decode_float(value["value"])})
