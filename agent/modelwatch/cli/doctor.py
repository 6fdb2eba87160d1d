"""`modelwatch doctor`: what modelwatch would do here, and what would stop it."""

from __future__ import annotations

import argparse
import sys

from modelwatch.cli import output
from modelwatch.cli.arguments import Subparsers, add_options, loaded_of
from modelwatch.cli.doctor_checks import Finding, Level, examine
from modelwatch.core.json import JsonValue

NAME = "doctor"

_EXAMPLES = """\
examples:
  modelwatch doctor --modelPath /artifacts
  modelwatch doctor --json | jq '.findings[] | select(.level != "ok")'
"""

_MARKS = {Level.OK: ("ok", ""), Level.WARNING: ("warning", "33"), Level.PROBLEM: ("problem", "31")}
"""Each level's word and, for a terminal, its SGR colour."""


def add_to(subparsers: Subparsers) -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        NAME,
        help="tell what modelwatch would do here, and what would stop it",
        description="Tell what modelwatch would do here, and what would stop it. Nothing is registered and nothing is left behind.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    add_options(parser, groups=("agent", "target", "log"))
    parser.set_defaults(handle=handle)


def handle(arguments: argparse.Namespace) -> int:
    """Print the findings; return 0 when there is no problem, 78 when an option has to be changed and 74 otherwise."""
    findings = examine(loaded_of(arguments))
    code = max((finding.exit_code for finding in findings), default=0)
    if arguments.json:
        output.print_json({"healthy": code == 0, "findings": [_json(finding) for finding in findings]})
        return code
    width = max(len(finding.subject) for finding in findings)
    for finding in findings:
        print(f"{_mark(finding.level)}  {finding.subject:<{width}}  {output.printable(finding.text)}")
        for line in finding.details:
            print(f"{'':7}  {'':{width}}    {output.printable(line)}")
        if finding.advice:
            print(f"{'':7}  {'':{width}}    → {output.printable(finding.advice)}")
    return code


def _mark(level: Level) -> str:
    word, colour = _MARKS[level]
    padded = f"{word:<7}"
    return f"\033[{colour}m{padded}\033[0m" if colour and output.coloured(sys.stdout) else padded


def _json(finding: Finding) -> JsonValue:
    return {
        "subject": finding.subject,
        "level": finding.level.value,
        "text": finding.text,
        "advice": finding.advice or None,
        "details": list(finding.details),
    }
