"""`modelwatch config`: every option, what it is and who said so, and a file to begin with."""

from __future__ import annotations

import argparse
import enum
from typing import Any

from modelwatch.cli import output
from modelwatch.cli.arguments import Subparsers, add_options, loaded_of
from modelwatch.config.address import Address
from modelwatch.config.document import annotated_yaml
from modelwatch.config.options import OPTIONS, Option
from modelwatch.config.snapshot_budget import SnapshotBudget
from modelwatch.config.wait_for import WaitFor
from modelwatch.core.json import JsonValue

NAME = "config"

_EXAMPLES = """\
examples:
  modelwatch config show --origin
  modelwatch config example > modelwatch.yaml
  MODELWATCH_MODEL_TYPE=onnx modelwatch config show --json
"""


def add_to(subparsers: Subparsers) -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        NAME,
        help="show the options in effect",
        description="Show the options in effect, or all that there are.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    actions = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    example = actions.add_parser(
        "example",
        help="a YAML file to begin with",
        description="Print a YAML file of every option, annotated.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    example.set_defaults(handle=_example)
    show = actions.add_parser(
        "show",
        help="every option and its value",
        description="Show every option, its value and, with --origin, who said so.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    show.add_argument("--origin", action="store_true", help="also show where each value comes from")
    show.add_argument("--json", action="store_true", help="print JSON")
    add_options(show, groups=("agent", "target", "sidecar", "server", "log"))
    show.set_defaults(handle=handle)


def handle(arguments: argparse.Namespace) -> int:
    """Print the options; return 0."""
    loaded = loaded_of(arguments)
    shown = {option.name: "(secret)" if option.secret else _plain(loaded.values[option.name]) for option in OPTIONS}
    if arguments.json:
        output.print_json(
            {
                "options": {name: {"value": value, "origin": loaded.origins[name]} for name, value in shown.items()},
                "warnings": list(loaded.warnings),
            }
        )
        return 0
    rows = [(option.name, _text(option, shown[option.name]), loaded.origins[option.name]) for option in OPTIONS]
    if arguments.origin:
        output.table(("option", "value", "from"), rows)
    else:
        output.table(("option", "value"), [row[:2] for row in rows])
    for warning in loaded.warnings:
        output.note(f"warning: {warning}")
    return 0


def _example(_arguments: argparse.Namespace) -> int:
    print(annotated_yaml(), end="")
    return 0


def _plain(value: Any) -> JsonValue:  # noqa: ANN401 - an option's value
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return str(value) if isinstance(value, (Address, SnapshotBudget, WaitFor)) else value


def _text(option: Option, value: JsonValue) -> str:
    """Return a value for people; of an option that has none, what happens then."""
    if value in (None, "", []):
        return f"({option.default_help})"
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return f"{value:g}s" if isinstance(value, float) else str(value)
