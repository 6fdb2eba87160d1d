"""Trainings as the pages show them: whether they go on, and what became of their checkpoints."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from modelwatch.core.entities import RunReport
from modelwatch.core.entities.run_report import CheckpointState, RunState
from modelwatch.core.errors import StateError
from modelwatch.server.endpoint import Call

_RUNS: Final = 6
_CHECKPOINTS: Final = 6
_AWAITED_CHECKPOINTS: Final = 2
_AWAITED_SECONDS: Final = 24 * 3600.0
_WORDS: Final = {
    "SEEN": ("seen", ""),
    "SETTLING": ("settling", "warn"),
    "CHANGED": ("changed", "warn"),
    "COMPLETE": ("complete", "info"),
    "SNAPSHOTTED": ("snapshotted", "info"),
    "JOURNALLED": ("to be delivered", "info"),
    "FOREIGN": ("not a model", ""),
    "GONE": ("gone", "bad"),
}


@dataclass(frozen=True, slots=True)
class ShownCheckpoint:
    """
    A checkpoint and what became of it.

    Attributes:
        root: Its name in the model path.
        word: Its state.
        tone: How the state is coloured: ``good``, ``info``, ``warn``, ``bad`` or nothing.
        reason: Why, for people; may be empty.
        moved: Since when, seconds since the epoch.
        step: Its step, or None.
        version: The version that it became, or None.
    """

    root: str
    word: str
    tone: str
    reason: str
    moved: float
    step: int | None
    version: int | None


@dataclass(frozen=True, slots=True)
class ShownRun:
    """
    A training.

    Attributes:
        model: The name of what it trains.
        name: The run's.
        host: Where it runs, or None.
        step: How far it is, or None.
        updated: When its agent last told anything, seconds since the epoch.
        reason: Why it ended; empty before.
        is_live: Whether it goes on.
        is_silent: Whether it should go on, and nothing was heard for long.
        counts: How many of its checkpoints are in each state: number, word and tone.
        checkpoints: Those to look at, newest first: of a training that goes on the latest, of every other one those that became no version.
    """

    model: str
    name: str
    host: str | None
    step: int | None
    updated: float
    reason: str
    is_live: bool
    is_silent: bool
    counts: tuple[tuple[int, str, str], ...]
    checkpoints: tuple[ShownCheckpoint, ...]


def shown_runs(reports: Sequence[RunReport], now: float) -> list[ShownRun]:
    """Return the runs that a page shows of those that were reported: what goes on first, then the latest."""
    shown = [_run(report, now) for report in reports]
    shown.sort(key=lambda run: (not run.is_live, -run.updated))
    return shown[:_RUNS]


def awaited_runs(call: Call) -> list[ShownRun]:
    """Return the runs of models that are not on a team's list yet, each in short: what goes on, and what has ended within a day without a version."""
    now = call.services.clock.now()
    try:
        reports = call.library.awaited_runs(_RUNS)
    except StateError:  # the directory cannot be read now; the list is answered from the index
        return []
    shown = shown_runs([report for report in reports if report.updated > now - _AWAITED_SECONDS], now)
    return [replace(run, checkpoints=run.checkpoints[:_AWAITED_CHECKPOINTS]) for run in shown]


def _run(report: RunReport, now: float) -> ShownRun:
    going = report.state is RunState.TRAINING
    silent = report.is_silent(now)
    newest = [_checkpoint(state) for state in reversed(report.checkpoints)]
    shown = newest if going and not silent else [checkpoint for checkpoint in newest if checkpoint.version is None]
    counted = Counter((checkpoint.word, checkpoint.tone) for checkpoint in newest)
    return ShownRun(
        model=report.model,
        name=report.run,
        host=report.host,
        step=report.last_step,
        updated=report.updated,
        reason=report.reason,
        is_live=going and not silent,
        is_silent=silent,
        counts=tuple((number, word, tone) for (word, tone), number in counted.most_common()),
        checkpoints=tuple(shown[:_CHECKPOINTS]),
    )


def _checkpoint(state: CheckpointState) -> ShownCheckpoint:
    word, tone = ("registered", "good") if state.version is not None else _WORDS.get(state.state, (state.state.lower(), ""))
    return ShownCheckpoint(state.root, word, tone, state.reason, state.moved, state.step, state.version)
