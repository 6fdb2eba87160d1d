"""`modelwatch status`: every checkpoint seen and its state, every delivery, the last error."""

from __future__ import annotations

import argparse
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence

from modelwatch.cli import output
from modelwatch.cli.arguments import Subparsers, add_options, settings_of
from modelwatch.core.clock import SystemClock
from modelwatch.daemon.state_folder import known_state_folder
from modelwatch.daemon.status import Status, read_status
from modelwatch.daemon.status_json import kind, status_json
from modelwatch.journal.journal import NO_LIMIT
from modelwatch.journal.states import CandidateState

NAME = "status"

_SHOWN = 50
_LITTLE_BYTES = 1 << 20

_EXAMPLES = """\
examples:
  modelwatch status --modelPath /artifacts
  modelwatch status --modelPath /artifacts --state SEEN --state GONE
  modelwatch status --modelPath /artifacts --json | jq '.checkpoints[] | select(.state == "GONE")'
"""


def add_to(subparsers: Subparsers) -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        NAME,
        help="show what was seen, what was delivered and what is left",
        description="Show every checkpoint that was seen and its state, every delivery, and the last error.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--json", action="store_true", help="print JSON: everything, whatever the limit")
    parser.add_argument(
        "--state",
        action="append",
        type=_state,
        metavar="STATE",
        help=f"show checkpoints in this state only; may be repeated: {', '.join(state.value for state in CandidateState)}",
    )
    parser.add_argument(
        "--limit", type=_count, default=_SHOWN, metavar="N", help=f"show the latest N of each table ({_SHOWN}); 0 for all"
    )
    add_options(parser, names=("modelPath", "stateDir"))
    parser.set_defaults(handle=handle)


def handle(arguments: argparse.Namespace) -> int:
    """Print the status; return 0. Raise NotFoundError when nothing has been watched."""
    settings = settings_of(arguments)
    states = sorted(set(arguments.state or CandidateState), key=list(CandidateState).index)
    status = read_status(
        known_state_folder(settings.model_path, settings.state_dir),
        SystemClock(),
        states=states,
        limit=NO_LIMIT if arguments.json or not arguments.limit else arguments.limit,
    )
    if arguments.json:
        output.print_json(status_json(status))
        return 0
    _head(status)
    _table(
        ("checkpoint", "format", "state", "step", "epoch", "seen", "reason"),
        [
            (row.root or ".", row.format, row.state.value, row.step, row.epoch, output.ago(row.seen), row.reason)
            for row in status.candidates
        ],
        sum(status.figures.checkpoints.get(state.value, 0) for state in states),
        empty="no checkpoint is in this state" if arguments.state else "no checkpoint has been seen yet",
    )
    if arguments.state:
        return 0
    _table(
        ("delivery", "kind", "sink", "state", "tries", "version", "error"),
        [
            (
                delivery.registration.root or ".",
                kind(delivery),
                delivery.sink,
                delivery.state.value,
                delivery.attempts,
                delivery.receipt.version if delivery.receipt else None,
                delivery.last_error,
            )
            for delivery in status.deliveries
        ],
        status.figures.delivery_count,
        empty="nothing has been registered yet",
    )
    if status.skipped:
        _table(("not looked at", "why"), _latest(status.skipped, arguments.limit), len(status.skipped))
    if status.log_problems:
        _table(("event file", "problem"), _latest(status.log_problems, arguments.limit), len(status.log_problems))
    return 0


def _head(status: Status) -> None:
    """Print how things stand, in a few lines whatever the number of checkpoints."""
    state = status.agent.get("state", "unknown")
    running = state if status.running else f"not running (last: {state})"
    if why := status.agent.get("why"):
        running += f", {output.printable(str(why))}"
    print(f"agent: {running}, state folder {output.printable(str(status.folder))}")
    print(f"checkpoints: {_counts(status.figures.checkpoints)}")
    print(f"deliveries: {_counts(status.figures.deliveries_by_state())}")
    if status.waiting:
        print(f"waiting: {output.printable(status.waiting)}")
    if shutil.disk_usage(status.folder).free < _LITTLE_BYTES:
        print("disk full: there is no room in the state folder for checkpoints or for what becomes of them")
    if status.short_of_room is not None:
        print(f"short of room: {status.short_of_room['why']}; {status.short_of_room['waiting']} checkpoints wait to be copied")
    if error := status.figures.last_error:
        print(f"last error: {output.printable(error)}")


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{number} {state}" for state, number in Counter(counts).most_common()) or "none"


def _table(columns: Sequence[str], rows: Sequence[Sequence[object]], count: int, *, empty: str = "") -> None:
    """Print the latest rows of so many, the latest last, where a terminal shows them."""
    print()
    if hidden := count - len(rows):
        print(f"({hidden} earlier not shown; --limit 0 shows all)")
    output.table(columns, rows, empty=empty)


def _latest(rows: Sequence[Sequence[object]], limit: int) -> Sequence[Sequence[object]]:
    return rows[-limit:] if limit else rows


def _state(text: str) -> CandidateState:
    try:
        return CandidateState(text.upper())
    except ValueError as error:
        raise argparse.ArgumentTypeError(
            f"not a state: {text}; choose {', '.join(state.value for state in CandidateState)}"
        ) from error


def _count(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"not a number of rows: {text}")
    return int(text)
