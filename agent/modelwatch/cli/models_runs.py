"""`modelwatch models runs`."""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence

from modelwatch.cli import output
from modelwatch.cli.arguments import Subparsers
from modelwatch.cli.models_selection import add_model, add_parser, on_repository
from modelwatch.core.entities import CheckpointState, RunReport, Series
from modelwatch.repository.base import TeamRepository
from modelwatch.repository.json_shapes import checkpoint_json, curves_json, run_json, timestamp
from modelwatch.repository.summaries import RunSummary


def add_to(subparsers: Subparsers) -> None:
    """Add the command."""
    parser = add_parser(
        subparsers,
        "runs",
        text="List the training runs of a model, or show one of them.",
        examples="  modelwatch models runs digits\n  modelwatch models runs digits run-01KAS0 --json",
    )
    add_model(parser)
    parser.add_argument("run", metavar="RUN", nargs="?", help="the run to show: its curves and what became of its checkpoints")
    parser.set_defaults(handle=on_repository(_runs))


def _runs(repository: TeamRepository, arguments: argparse.Namespace) -> int:
    if arguments.run is None:
        _list(repository.runs(arguments.model), as_json=arguments.json)
    else:
        _show(repository.run(arguments.model, arguments.run), as_json=arguments.json)
    return 0


def _list(runs: Sequence[RunSummary], *, as_json: bool) -> None:
    if as_json:
        output.print_json({"runs": [run_json(run) for run in runs]})
        return
    output.table(
        ("run", "host", "state", "started", "updated", "step", "series", "checkpoints"),
        [
            (
                run.run,
                run.host,
                _state(run),
                output.ago(run.started),
                output.ago(run.updated),
                run.step,
                run.series,
                run.checkpoints,
            )
            for run in runs
        ],
        empty="no run of it has told anything",
        spare=("series", "host", "started"),
    )


def _show(report: RunReport, *, as_json: bool) -> None:
    run = RunSummary.of(report, time.time())
    if as_json:
        checkpoints = [checkpoint_json(checkpoint) for checkpoint in report.checkpoints]
        output.print_json({**run_json(run), "series": curves_json(report), "checkpoints": checkpoints})
        return
    output.table((f"run {run.run}", ""), [fact for fact in _facts(run) if fact[1] is not None])
    output.table(
        ("metric", "split", "last", "at", "points", "run", "tag"),
        [_series_row(series) for series in report.series],
        empty="it has logged no scalars",
    )
    output.table(
        ("checkpoint", "state", "step", "version", "reason"),
        [_checkpoint_row(checkpoint) for checkpoint in report.checkpoints],
        empty="no checkpoint of it was seen",
    )


def _state(run: RunSummary) -> str:
    """Return the state in a word: of an agent that was killed nothing more is heard."""
    return "silent" if run.silent else run.state


def _facts(run: RunSummary) -> list[Sequence[object]]:
    return [
        ("state", f"{_state(run)}: {run.reason}" if run.reason else _state(run)),
        ("started", timestamp(run.started)),
        ("updated", timestamp(run.updated)),
        ("step", run.step),
        ("host", run.host),
        ("experiment", run.experiment),
        ("project", run.project),
        ("command", run.command),
        *run.hyperparameters.items(),
    ]


def _series_row(series: Series) -> Sequence[object]:
    last = (float(series.values[-1]), f"{series.axis} {series.steps[-1]}") if series.steps else (None, None)
    return (series.key, series.split, *last, len(series.steps), series.run, series.tag)


def _checkpoint_row(checkpoint: CheckpointState) -> Sequence[object]:
    reached = f"epoch {checkpoint.epoch}" if checkpoint.step is None and checkpoint.epoch is not None else checkpoint.step
    return (checkpoint.root, checkpoint.state, reached, checkpoint.version, checkpoint.reason)
