"""`modelwatch models`: what people do with the repository's models. One file per group of subcommands."""

from __future__ import annotations

import argparse

from modelwatch.cli import models_change, models_delete, models_runs, models_show, models_transfer
from modelwatch.cli.arguments import Subparsers

NAME = "models"

_EXAMPLES = """\
examples:
  modelwatch models list
  modelwatch models versions digits
  modelwatch models download digits --version 12 --destination ./digits-12
  modelwatch models upload ./export --name digits --modelType Tensorflow --modelSummary '{"accuracy": 0.98}'
  modelwatch models list --json | jq '.models[].name'
"""


def add_to(subparsers: Subparsers) -> None:
    """Add the command and its subcommands."""
    parser = subparsers.add_parser(
        NAME,
        help="list, look at, download, upload and delete models",
        description="List, look at, download, upload and delete the models of a repository.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    actions = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    models_show.add_to(actions)
    models_runs.add_to(actions)
    models_transfer.add_to(actions)
    models_change.add_to(actions)
    models_delete.add_to(actions)
