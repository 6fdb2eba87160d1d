"""What an agent tells of its training: the curves out of the event files, the checkpoints out of the journal."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from modelwatch.core.clock import Clock
from modelwatch.core.entities import CheckpointState, RunReport, RunState, Series
from modelwatch.core.entities.run_report import CHECKPOINTS_LIMIT
from modelwatch.core.json import JsonValue
from modelwatch.daemon.origin import Origin
from modelwatch.daemon.registrar import Identity
from modelwatch.journal.journal import Journal
from modelwatch.metrics.attempts import TOLERANCE_SECONDS
from modelwatch.metrics.curves import curves
from modelwatch.scalars.logdir import LogDirectories

_LONGEST_REASON = 300
_CHECKPOINT_CHARACTERS = 200_000
"""The most that the names and reasons of all checkpoints together have: the oldest make room."""


class RunReports:
    """
    Makes the reports of one agent, for every sink.

    Args:
        logs: The event files.

        origin: The training.

        clock: For the reports' time.

        is_busy: Whether checkpoints wait to be registered: reports, which use the same interpreter, then wait too.
    """

    def __init__(self, logs: LogDirectories, origin: Origin, clock: Clock, is_busy: Callable[[], bool]) -> None:
        self.is_busy = is_busy
        self._logs = logs
        self._origin = origin
        self._clock = clock
        self._identity: Identity | None = None
        self._ended: str | None = None

    def know(self, identity: Identity) -> None:
        """Take what the registrations tell of the training; before that there are no reports. In the registrar's thread, once."""
        self._identity = identity

    def end(self, reason: str) -> None:
        """Tell from now on that the run has ended. Before the publishers are told to drain."""
        self._ended = reason

    @property
    def has_ended(self) -> bool:
        """Whether reports tell that the run has ended. Any thread."""
        return self._ended is not None

    def mark(self, journal: Journal) -> tuple[int, int]:
        """Return what is another value once there may be something else to tell. Raise StateError."""
        return self._logs.changes, journal.change_mark()

    def make(self, journal: Journal, sink: str, interrupted: Callable[[], bool]) -> RunReport | None:
        """
        Return what is to be told to a sink now.

        Args:
            journal: Of the calling thread.

            sink: The sink's name: versions have the numbers that it gave them.

            interrupted: Asked often: whether to stop.

        Returns:
            The report, or None when it was interrupted or there is nothing to tell yet: no scalar and no checkpoint.

        Raises:
            StateError: The journal cannot be read.
        """
        identity, origin, ended = self._identity, self._origin, self._ended
        if identity is None:
            return None
        since = float("-inf") if origin.began is None else origin.began - TOLERANCE_SECONDS
        series = curves(self._logs, since=since, interrupted=interrupted)
        if series is None:
            return None
        checkpoints = _newest(journal.outcomes(sink, since=origin.watched, limit=CHECKPOINTS_LIMIT))
        if not series and not checkpoints:
            return None
        provenance = identity.provenance
        lineage = identity.metadata.get("lineage") or {}
        return RunReport(
            team=identity.team,
            model=identity.model,
            run=origin.run,
            state=RunState.TRAINING if ended is None else RunState.ENDED,
            reason=ended or "",
            started=_first(series, checkpoints) if origin.began is None else origin.began,
            updated=self._clock.now(),
            host=provenance.host,
            experiment=provenance.experiment,
            project=provenance.project,
            command=lineage.get("command"),
            hyperparameters=_texts(lineage.get("environment")),
            series=series,
            checkpoints=checkpoints,
        )


def _first(series: Sequence[Series], checkpoints: Sequence[CheckpointState]) -> float:
    """Return the earliest time of anything: when a training began that nobody saw beginning."""
    return min([*(curve.walls[0] for curve in series), *(checkpoint.seen for checkpoint in checkpoints)])


def _newest(checkpoints: Sequence[CheckpointState]) -> tuple[CheckpointState, ...]:
    """Return as many of the newest checkpoints as there is room for, oldest first, their reasons cut to what people read."""
    room = _CHECKPOINT_CHARACTERS
    kept: list[CheckpointState] = []
    for checkpoint in reversed(checkpoints):
        reason = checkpoint.reason if len(checkpoint.reason) <= _LONGEST_REASON else f"{checkpoint.reason[:_LONGEST_REASON]}…"
        room -= len(checkpoint.root) + len(reason)
        if room < 0:
            break
        kept.append(checkpoint if reason is checkpoint.reason else replace(checkpoint, reason=reason))
    return tuple(reversed(kept))


def _texts(value: JsonValue) -> Mapping[str, str]:
    """Return an object of texts, which the journal may have from another version of this program."""
    return {str(name): str(text) for name, text in value.items()} if isinstance(value, dict) else {}
