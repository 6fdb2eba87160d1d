"""`modelwatch completion`: what a shell needs to complete commands and options."""

from __future__ import annotations

import argparse

from modelwatch.cli.arguments import Subparsers

NAME = "completion"

_EXAMPLES = """\
examples:
  source <(modelwatch completion bash)
  modelwatch completion zsh > ~/.zfunc/_modelwatch
"""


def add_to(subparsers: Subparsers) -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        NAME,
        help="print a shell's completion script",
        description="Print a completion script for a shell.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("shell", choices=("bash", "zsh", "tcsh"))
    parser.set_defaults(handle=handle)


def handle(arguments: argparse.Namespace) -> int:
    """Print the script; return 0."""
    import shtab  # noqa: PLC0415 - only this command needs it

    from modelwatch.cli.main import build_parser  # noqa: PLC0415 - that module imports this one

    print(shtab.complete(build_parser(), shell=arguments.shell))
    return 0
