"""`modelwatch status`: every checkpoint seen and its state, every delivery, the last error."""

from __future__ import annotations

import argparse

from modelwatch.cli import output
from modelwatch.cli.arguments import Subparsers, add_options, settings_of
from modelwatch.core.clock import SystemClock
from modelwatch.daemon.state_folder import state_folder
from modelwatch.daemon.status import read_status
from modelwatch.daemon.status_json import kind, status_json

NAME = "status"

_EXAMPLES = """\
examples:
  modelwatch status --modelPath /artifacts
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
    parser.add_argument("--json", action="store_true", help="print JSON")
    add_options(parser, names=("modelPath", "stateDir"))
    parser.set_defaults(handle=handle)


def handle(arguments: argparse.Namespace) -> int:
    """Print the status; return 0."""
    settings = settings_of(arguments)
    status = read_status(state_folder(settings.model_path, settings.state_dir), SystemClock())
    if arguments.json:
        output.print_json(status_json(status))
        return 0
    state = status.agent.get("state", "unknown")
    print(
        f"agent: {state if status.running else f'not running (last: {state})'}, state folder {output.printable(str(status.folder))}"
    )
    if status.waiting:
        print(f"waiting: {output.printable(status.waiting)}")
    if error := status.last_error():
        print(f"last error: {output.printable(error)}")
    output.table(
        ("checkpoint", "format", "state", "step", "epoch", "seen", "reason"),
        [
            (row.root or ".", row.format, row.state.value, row.step, row.epoch, output.ago(row.seen), row.reason)
            for row in status.candidates
        ],
        empty="no checkpoint has been seen yet",
    )
    output.table(
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
        empty="nothing has been registered yet",
    )
    if status.skipped:
        output.table(("not looked at", "why"), status.skipped)
    if status.log_problems:
        output.table(("event file", "problem"), status.log_problems)
    return 0
