"""The rules that find a checkpoint's points: `modelwatch.metrics.join` says what they are and in which order."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from modelwatch.core.entities import Checkpoint
from modelwatch.metrics.attempts import TOLERANCE_SECONDS, pick, restarts, visible
from modelwatch.metrics.tags import TRAIN, Axis, Reading
from modelwatch.metrics.trainings import LINGER_SECONDS, Training
from modelwatch.scalars.event import SESSION_CHECKPOINT
from modelwatch.scalars.series import Point

_RULES: Final = ("checkpoint-path", "step", "iterations", "epoch", "batch", "nearest-step", "time")
_INEXACT: Final = frozenset({"batch", "nearest-step", "time"})
_KERAS_FORMATS: Final = frozenset({"keras", "keras-sharded", "hdf5"})
_LIGHTNING_NAME: Final = re.compile(r"(?:^|[-/_])step=\d+", re.ASCII)
_DECIMAL: Final = re.compile(r"(?<![\d.])\d+\.(\d+)(?![\d])", re.ASCII)


class Match(NamedTuple):
    """
    A point that belongs to a checkpoint.

    Attributes:
        reading: Its tag.
        point: The point.
        rule: The rule that found it: `Metric.join`.
        step_delta: As in `Metric`.
    """

    reading: Reading
    point: Point
    rule: str
    step_delta: int = 0

    @property
    def order(self) -> tuple[int, int, int, str, str]:
        """What the best match of a metric is lowest in."""
        return _RULES.index(self.rule), self.reading.axis.value, self.reading.rank, self.reading.tag, self.reading.run.directory


class Matcher:
    """Finds the points of one checkpoint in one training. Lives while the runs are held."""

    def __init__(self, checkpoint: Checkpoint, directory: str, committed: float, training: Training) -> None:
        self._checkpoint = checkpoint
        self._path = f"{directory.rstrip('/')}/{checkpoint.root.rpartition('/')[2]}"
        self._committed = committed
        self._training = training
        self.readings = training.readings()
        self._restarts = {axis: restarts(self.readings, axis) for axis in Axis}
        self._step = checkpoint.step if checkpoint.step is not None else self._session_step()
        self._is_lightning = _LIGHTNING_NAME.search(checkpoint.root) is not None
        self._decimals = [(float(match[0]), len(match[1])) for match in _DECIMAL.finditer(checkpoint.root.rpartition("/")[2])]
        self._epoch_rule, self._epoch, self._epoch_time = self._find_epoch()
        self._anchors = dict(self._find_anchors())

    # ------------------------------------------------------------------------------------------------- what is known in advance

    def _session_step(self) -> int | None:
        """Return the step of the session log that names the checkpoint: TensorFlow 1's hooks write prefix and step apart."""
        for run, _ in self._training.runs:
            for session in run.sessions():
                if session.status == SESSION_CHECKPOINT and self._is_named(f"{session.checkpoint_path}-{session.step}"):
                    return session.step
        return None

    def _is_named(self, path: str) -> bool:
        """Return whether a path that the training logged is the checkpoint's, which may be mounted elsewhere or logged as relative."""
        return path.rpartition("/")[2] == self._path.rpartition("/")[2] and (
            path == self._path or path.rpartition("/")[0].rpartition("/")[2] in {"", ".", self._path.split("/")[-2]}
        )

    def _find_epoch(self) -> tuple[str, int | None, float | None]:
        """Return the rule that told the epoch as event files count it, the epoch, and when its values were logged if that is known."""
        evaluated = self._evaluated_epoch()
        if evaluated is not None:
            return "iterations", evaluated.step, evaluated.wall_time
        named = self._checkpoint.epoch
        if named is None:
            return "epoch", None, None
        for epoch in (named - 1, named):
            confirmed = self._confirmed(epoch)
            if confirmed is not None:
                return "epoch", epoch, confirmed.wall_time
        return "epoch", named - 1, None

    def _evaluated_epoch(self) -> Point | None:
        """Return the epoch's point that Keras logged together with the evaluation at the checkpoint's iterations."""
        if self._step is None:
            return None
        for evaluation in self.readings:
            if not evaluation.is_evaluation:
                continue
            point = pick(evaluation.run.at(evaluation.tag, self._step), self._restarts[Axis.STEP], self._committed)
            if point is None:
                continue
            for reading in self.readings:
                if reading.axis is Axis.EPOCH and reading.run is evaluation.run and reading.name == evaluation.name:
                    found = self._equal_nearby(reading, point)
                    if found is not None:
                        return found
        return None

    @staticmethod
    def _equal_nearby(reading: Reading, point: Point) -> Point | None:
        """
        Return the point of `reading` with the same value that was logged within two seconds after `point`.

        Epochs may be shorter than that, and two of them may have the same accuracy. Keras logs the epoch right after its evaluation: what
        was logged before it is an earlier epoch, and while the epoch itself is not yet logged there is none.
        """
        last = reading.run.not_after_time(reading.tag, point.wall_time + TOLERANCE_SECONDS)
        same: list[Point] = []
        for epoch in range(-1 if last is None else last.step, -1, -1):
            near = [p for p in reading.run.at(reading.tag, epoch) if 0.0 <= p.wall_time - point.wall_time <= TOLERANCE_SECONDS]
            if not near:
                break
            same += [p for p in near if p.value == point.value]
        return min(same, key=lambda p: p.wall_time, default=None)

    def _confirmed(self, epoch: int) -> Point | None:
        """Return a point of the epoch whose value stands in the checkpoint's name (``weights.05-0.3412.keras``), or None."""
        for reading in self.readings:
            if reading.axis is Axis.EPOCH:
                for point in reading.run.at(reading.tag, epoch):
                    if any(round(abs(point.value), digits) == value for value, digits in self._decimals):
                        return point
        return None

    def _find_anchors(self) -> Iterator[tuple[Axis, Point]]:
        """Give, for each axis, the last point of training at the time the checkpoint was complete."""
        for axis in Axis:
            found = [
                point
                for reading in self.readings
                if reading.axis is axis and reading.split == TRAIN and (point := self._last_in_time(reading)) is not None
            ]
            if found:
                yield axis, max(found, key=lambda point: (point.wall_time, point.step))

    def _last_in_time(self, reading: Reading) -> Point | None:
        return reading.run.not_after_time(reading.tag, self._committed + TOLERANCE_SECONDS)

    # ------------------------------------------------------------------------------------------------------------- the rules

    def match(self, reading: Reading) -> Match | None:
        """Return the point of a tag that belongs to the checkpoint, by the first rule that finds one."""
        rules = (self._by_checkpoint_path, self._by_step, self._by_epoch, self._by_batch, self._by_nearest_step, self._by_time)
        return next((match for rule in rules if (match := rule(reading)) is not None), None)

    def _pick(self, reading: Reading, step: int, time: float | None = None) -> Point | None:
        points = reading.run.at(reading.tag, step)
        if time is not None:
            return min(points, key=lambda point: abs(point.wall_time - time), default=None)
        return pick(points, self._restarts[reading.axis], self._committed)

    def _by_checkpoint_path(self, reading: Reading) -> Match | None:
        if reading.axis is not Axis.STEP:
            return None
        for text in reversed(reading.run.texts()):
            if self._is_named(text.text):
                point = self._pick(reading, text.step, text.wall_time)
                if point is not None:
                    delta = 0 if self._step is None else abs(self._step - point.step)
                    return Match(reading, point, "checkpoint-path", delta)
        return None

    def _by_step(self, reading: Reading) -> Match | None:
        if reading.axis is not Axis.STEP or self._step is None:
            return None
        for step in (self._step - 1, self._step) if self._is_lightning else (self._step,):
            point = self._pick(reading, step)
            if point is not None:
                return Match(reading, point, "step", self._step - step)
        return None

    def _by_epoch(self, reading: Reading) -> Match | None:
        if reading.axis is Axis.EPOCH and self._epoch is not None:
            point = self._pick(reading, self._epoch, self._epoch_time)
            return None if point is None else Match(reading, point, self._epoch_rule)
        named = self._checkpoint.epoch
        if reading.axis is Axis.STEP and not reading.is_evaluation and named is not None:
            first = self._first_epoch(reading)
            if first is not None:
                counts_from_one = self._checkpoint.format in _KERAS_FORMATS
                point = self._pick(reading, named - 1 + first if counts_from_one else named)
                return None if point is None else Match(reading, point, "epoch")
        return None

    @staticmethod
    def _first_epoch(reading: Reading) -> int | None:
        """Return 0 or 1 if the tag's steps are all whole numbers from there on, as those of a value per epoch are; else None."""
        steps = reading.run.step_range(reading.tag)
        if steps is None or steps[0] not in {0, 1}:
            return None
        return steps[0] if steps[1] - steps[0] < reading.run.count(reading.tag) else None

    def _by_batch(self, reading: Reading) -> Match | None:
        """Keras counts batches from 1 since ``fit``; the iterations evaluated before the last ``fit`` are what it began with."""
        if reading.axis is not Axis.BATCH or reading.split != TRAIN or self._step is None:
            return None
        begun = [restart.wall_time for restart in self._restarts[Axis.BATCH] if restart.wall_time <= self._committed]
        before = [
            point.step
            for evaluation in self.readings
            if evaluation.is_evaluation
            and begun
            and (point := evaluation.run.not_after_time(evaluation.tag, begun[-1])) is not None
        ]
        return self._nearest(reading, self._step - max(before, default=0), "batch")

    def _by_nearest_step(self, reading: Reading) -> Match | None:
        if reading.axis is not Axis.STEP or reading.split != TRAIN or self._step is None:
            return None
        return self._nearest(reading, self._step, "nearest-step")

    def _nearest(self, reading: Reading, step: int, rule: str) -> Match | None:
        """Return the last point at or before `step`, less than two of the tag's usual distances away."""
        gap = reading.run.median_gap(reading.tag)
        kept = visible(
            reading.run.not_after_step(reading.tag, step), self._restarts[reading.axis], self._committed + TOLERANCE_SECONDS
        )
        point = max(kept, key=lambda point: (point.step, point.wall_time), default=None)
        if point is None or gap is None or step - point.step >= 2 * gap:
            return None
        return Match(reading, point, rule, step - point.step)

    def _by_time(self, reading: Reading) -> Match | None:
        anchor = self._anchors.get(reading.axis)
        span = self._training.span()
        if anchor is None or span is None:
            return None
        is_numbered = self._step is not None or self._epoch is not None
        if is_numbered and not span[0] <= self._committed <= span[1] + LINGER_SECONDS:
            return None  # the file's time is not that of its training: a copy that lost it
        last = self._last_in_time(reading)
        if last is None or (reading.axis is Axis.STEP and self._step is not None and last.step > self._step):
            return None
        if reading.split == TRAIN:
            return Match(reading, last, "time")
        same = self._pick(reading, anchor.step)
        if same is None and not is_numbered and last.step >= anchor.step:
            same = last  # evaluated after the last value of training: still the same model
        return None if same is None else Match(reading, same, "time")

    # --------------------------------------------------------------------------------------------------------- what may come

    def is_pending(self, matches: Sequence[Match]) -> bool:
        """Return whether values may still be logged that would be matched better, or where nothing was matched."""
        return any(self._may_improve(_of(matches, is_training=side), is_training=side) for side in (False, True))

    def settled(self, matches: Sequence[Match]) -> list[Match]:
        """Return the matches without those that are only near and whose side, training or validation, may still be matched better."""
        found = []
        for side in (False, True):
            mine = _of(matches, is_training=side)
            waits = self._may_improve(mine, is_training=side)
            found += [match for match in mine if not (waits and match.rule in _INEXACT)]
        return found

    def _may_improve(self, matches: Iterable[Match], *, is_training: bool) -> bool:
        best = min(matches, key=lambda match: match.order, default=None)
        if best is not None and best.rule not in _INEXACT:
            return False
        readings = [reading for reading in self.readings if (reading.split == TRAIN) == is_training]
        return not any(self._went_past(reading) for reading in readings)

    def _went_past(self, reading: Reading) -> bool:
        """Return whether a later value was logged than the checkpoint's: its own will not come any more."""
        span = reading.run.steps_after(reading.tag, self._committed + TOLERANCE_SECONDS)
        if span is None:
            return False
        if reading.axis is Axis.STEP and self._step is not None:
            return span > self._step
        if reading.axis is Axis.EPOCH and self._epoch is not None:
            return span > self._epoch
        return True


def _of(matches: Sequence[Match], *, is_training: bool) -> list[Match]:
    return [match for match in matches if (match.reading.split == TRAIN) == is_training]
