"""What an agent tells of one training run while it goes on: its curves, thinned, and what became of its checkpoints."""

from __future__ import annotations

import enum
import math
import sys
from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from operator import lt
from typing import Any, Final

from modelwatch.core.json import JsonValue, decode_float, dumps, encode_float

SERIES_LIMIT: Final = 200
"""The most series that one report holds."""

POINTS_LIMIT: Final = 1000
"""The most points that one series holds: a screen has no more columns."""

CHECKPOINTS_LIMIT: Final = 500
"""The most checkpoints that one report holds."""

REPORT_SECONDS: Final = 300.0
"""A run that goes on is reported at least this often, whether or not there is news."""

_SILENT_SECONDS: Final = 3 * REPORT_SECONDS
_SERIES: Final = "series"


class RunState(enum.Enum):
    """Whether more is to be expected of a run."""

    TRAINING = "training"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Series:
    """
    A curve: some of the points of one tag, in columns of the same length.

    Attributes:
        tag: TensorBoard's tag.
        run: TensorBoard's run: the event files' directory below the log directory, ``.`` for itself.
        key: ``loss``, ``accuracy``, …: the `Metric.key` of what is joined from it.
        split: As `Metric.split`.
        axis: What the steps count: ``step``, ``epoch`` or ``batch``.
        steps: Signed 64-bit (typecode ``q``), each higher than the one before.
        walls: Seconds since the epoch (typecode ``d``), finite.
        values: Exactly as logged (typecode ``d``), NaN and infinities among them.
    """

    tag: str
    run: str
    key: str
    split: str
    axis: str
    steps: array[int]
    walls: array[float]
    values: array[float]

    def __post_init__(self) -> None:
        """Refuse columns that are no curve, with ValueError."""
        if not len(self.steps) == len(self.walls) == len(self.values) <= POINTS_LIMIT:
            raise ValueError(f"{self.tag}: columns of {len(self.steps)}, {len(self.walls)} and {len(self.values)} points")
        if not all(map(lt, self.steps, self.steps[1:])):
            raise ValueError(f"{self.tag}: the steps do not ascend")
        if not all(map(math.isfinite, self.walls)):
            raise ValueError(f"{self.tag}: a wall time that is no time")

    def to_json(self) -> JsonValue:
        """Return the names, and the points as ``[step, wall time, value]``."""
        values: Sequence[float | str] = self.values
        if not all(map(math.isfinite, self.values)):
            values = [encode_float(value) for value in self.values]
        return {
            "tag": self.tag,
            "run": self.run,
            "key": self.key,
            "split": self.split,
            "axis": self.axis,
            "points": [list(point) for point in zip(self.steps, self.walls, values, strict=True)],
        }

    @classmethod
    def from_json(cls, value: JsonValue) -> Series:
        """Undo `to_json`; unknown fields are ignored. Raise ValueError, KeyError or TypeError for anything else."""
        points = value["points"]
        try:
            steps = array("q", [step for step, _, _ in points])
            walls = array("d", [wall for _, wall, _ in points])
            values = array("d", [decode_float(number) for _, _, number in points])
        except OverflowError as error:
            raise ValueError(f"a number that is too large: {error}") from error
        axis = value.get("axis", "step")
        return cls(
            _text(value["tag"]), _text(value["run"]), _text(value["key"]), _text(value["split"]), _text(axis), steps, walls, values
        )


@dataclass(frozen=True, slots=True)
class CheckpointState:
    """
    What became of one checkpoint of a run.

    Attributes:
        root: Its name in the model path.
        format: The name of its format.
        state: The journal's word: ``SEEN``, …, ``JOURNALLED``, ``FOREIGN``, ``GONE``.
        reason: Why it is there, for people; empty when there is nothing to say.
        seen: When it was first seen, seconds since the epoch.
        moved: Since when it is in this state.
        step: Its step, once that is known.
        epoch: Its epoch, likewise.
        registration: The key of its registration, once it is journalled.
        version: The version that it became, once the sink has it.
    """

    root: str
    format: str
    state: str
    reason: str
    seen: float
    moved: float
    step: int | None = None
    epoch: int | None = None
    registration: str | None = None
    version: int | None = None

    def to_json(self) -> JsonValue:
        """Return the fields."""
        return {
            "root": self.root,
            "format": self.format,
            "state": self.state,
            "reason": self.reason,
            "seen": self.seen,
            "moved": self.moved,
            "step": self.step,
            "epoch": self.epoch,
            "registration": self.registration,
            "version": self.version,
        }

    @classmethod
    def from_json(cls, value: JsonValue) -> CheckpointState:
        """Undo `to_json`; unknown fields are ignored. Raise as `Series.from_json`."""
        return cls(
            root=_text(value["root"]),
            format=_text(value["format"]),
            state=_text(value["state"]),
            reason=_text(value["reason"]),
            seen=_time(value["seen"]),
            moved=_time(value["moved"]),
            step=_whole(value.get("step")),
            epoch=_whole(value.get("epoch")),
            registration=_text_or_none(value.get("registration")),
            version=_whole(value.get("version")),
        )


@dataclass(frozen=True, slots=True)
class RunReport:
    """
    What is known of one training run at one time. A later report takes the place of the earlier ones.

    It is told at best effort: what counts is the versions, and no version waits for a report.

    Attributes:
        team: As `Registration.team`.
        model: As `Registration.model`.
        run: As `Provenance.run`. Never empty.
        state: Whether more is to be expected.
        started: Seconds since the epoch: when the training began, as far as that is known.
        updated: Seconds since the epoch, by the agent's clock: what it tells is of then.
        reason: Why it ended, for people; empty before.
        host: Name of the machine that it runs on.
        experiment: Gradient's experiment id, or None.
        project: Gradient's project id, or None.
        command: The training's, as the lineage has it, or None when it is not known.
        hyperparameters: From the environment, as the lineage has them.
        series: The curves, those that people look at first in front.
        checkpoints: The newest ones, oldest first.
    """

    team: str
    model: str
    run: str
    state: RunState
    started: float
    updated: float
    reason: str = ""
    host: str | None = None
    experiment: str | None = None
    project: str | None = None
    command: str | None = None
    hyperparameters: Mapping[str, str] = field(default_factory=dict)
    series: tuple[Series, ...] = ()
    checkpoints: tuple[CheckpointState, ...] = ()

    def __post_init__(self) -> None:
        """Refuse a report of no run, or of more than a report may hold, with ValueError."""
        if not self.run:
            raise ValueError("a report is of a run")
        if len(self.series) > SERIES_LIMIT or len(self.checkpoints) > CHECKPOINTS_LIMIT:
            raise ValueError(f"a report of {len(self.series)} series and {len(self.checkpoints)} checkpoints")

    @property
    def last_step(self) -> int | None:
        """The highest step of a curve over steps, else of a checkpoint; None without any."""
        steps = [series.steps[-1] for series in self.series if series.axis == "step" and series.steps]
        steps = steps or [checkpoint.step for checkpoint in self.checkpoints if checkpoint.step is not None]
        return max(steps, default=None)

    def is_silent(self, now: float) -> bool:
        """Return whether nothing was heard for so long (until `now`, seconds since the epoch) that the agent may well be dead."""
        return self.state is RunState.TRAINING and now - self.updated > _SILENT_SECONDS

    def _fields(self) -> dict[str, JsonValue]:
        """Return the fields but for the series."""
        return {
            "team": self.team,
            "model": self.model,
            "run": self.run,
            "state": self.state.value,
            "started": self.started,
            "updated": self.updated,
            "reason": self.reason,
            "host": self.host,
            "experiment": self.experiment,
            "project": self.project,
            "command": self.command,
            "hyperparameters": dict(self.hyperparameters),
            "checkpoints": [checkpoint.to_json() for checkpoint in self.checkpoints],
        }

    def to_json(self) -> JsonValue:
        """Return the fields."""
        return {**self._fields(), _SERIES: [series.to_json() for series in self.series]}

    def encoded(self, **beside: JsonValue) -> Iterator[bytes]:
        """
        Give the canonical text of `to_json` in pieces, one for each series.

        As one value the points would take ten times their columns, and no other thread would get a turn until all are text.

        Args:
            beside: Further fields of the document.
        """
        fields = {**self._fields(), **beside}
        texts = {name: f"{dumps(name)}:{dumps(value)}" for name, value in sorted(fields.items())}
        before = ",".join(text for name, text in texts.items() if name < _SERIES)
        after = ",".join(text for name, text in texts.items() if name > _SERIES)
        yield f"{{{before},{dumps(_SERIES)}:[".encode("ascii")
        for index, series in enumerate(self.series):
            yield f"{',' if index else ''}{dumps(series.to_json())}".encode("ascii")
        yield f"],{after}}}".encode("ascii")

    @classmethod
    def from_json(cls, value: JsonValue) -> RunReport:
        """Undo `to_json`; unknown fields are ignored. Raise as `Series.from_json`."""
        return cls(
            team=_text(value["team"]),
            model=_text(value["model"]),
            run=_text(value["run"]),
            state=RunState(value["state"]),
            started=_time(value["started"]),
            updated=_time(value["updated"]),
            reason=_text(value.get("reason", "")),
            host=_text_or_none(value.get("host")),
            experiment=_text_or_none(value.get("experiment")),
            project=_text_or_none(value.get("project")),
            command=_text_or_none(value.get("command")),
            hyperparameters=_texts(value.get("hyperparameters", {})),
            series=tuple(Series.from_json(series) for series in value.get(_SERIES, ())),
            checkpoints=tuple(CheckpointState.from_json(checkpoint) for checkpoint in value.get("checkpoints", ())),
        )


def _text(value: Any) -> str:  # noqa: ANN401 - what a JSON text gave
    if not isinstance(value, str):
        raise TypeError(f"not a text: {value!r}")
    return value


def _text_or_none(value: Any) -> str | None:  # noqa: ANN401 - as `_text`
    return None if value is None else _text(value)


def _texts(value: Any) -> dict[str, str]:  # noqa: ANN401 - as `_text`
    if not isinstance(value, dict):
        raise TypeError(f"no names and values: {value!r}")
    return {_text(name): _text(text) for name, text in value.items()}


def _whole(value: Any) -> int | None:  # noqa: ANN401 - as `_text`
    if value is not None and not isinstance(value, int):
        raise TypeError(f"not a whole number: {value!r}")
    return value


def _time(value: Any) -> float:  # noqa: ANN401 - as `_text`
    if not isinstance(value, int | float) or not abs(value) <= sys.float_info.max:
        raise ValueError(f"not a time: {value!r}")
    return float(value)
