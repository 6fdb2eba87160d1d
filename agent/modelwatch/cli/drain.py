"""`modelwatch drain`: deliver what a journal still holds, on this machine or on another that has the volume."""

from __future__ import annotations

import argparse

from modelwatch.cli.arguments import Subparsers, add_options, settings_of
from modelwatch.cli.logs import logging_to
from modelwatch.core.clock import SystemClock
from modelwatch.daemon.agent import Agent
from modelwatch.daemon.state_folder import known_state_folder, owned
from modelwatch.sinks.opening import open_sinks

NAME = "drain"

_EXAMPLES = """\
examples:
  modelwatch drain --modelPath /artifacts              finish what a killed container left
  modelwatch drain --modelPath /artifacts --retryRejected
  modelwatch drain --modelPath /artifacts --repository /storage/models --redirect
                                                       to a repository that was mistyped, or is mounted elsewhere now
"""


def add_to(subparsers: Subparsers) -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        NAME,
        help="deliver what is left in a journal",
        description="Deliver what the journal of a model path still holds, without watching. Returns 75 when something is left.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--retryRejected",
        "--retry-rejected",
        action="store_true",
        dest="retry_rejected",
        help="also try again what the repository refused",
    )
    parser.add_argument(
        "--redirect",
        action="store_true",
        help="deliver to --repository what was meant for another one and has not arrived there",
    )
    add_options(parser, groups=("agent", "target", "log"))
    parser.set_defaults(handle=handle)


def handle(arguments: argparse.Namespace) -> int:
    """Deliver; return 0 when nothing is left and 75 otherwise. Raise NotFoundError when there is no journal."""
    settings = settings_of(arguments)
    folder = known_state_folder(settings.model_path, settings.state_dir)
    with logging_to(settings), owned(folder):
        agent = Agent(settings, folder, open_sinks(settings), SystemClock())
        return agent.drain(rejected=arguments.retry_rejected, redirect=arguments.redirect)
