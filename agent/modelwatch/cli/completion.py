"""`modelwatch completion`: what a shell needs to complete commands and options."""

from __future__ import annotations

import argparse
from collections.abc import Mapping

from modelwatch.cli.arguments import Subparsers
from modelwatch.config.options import OPTIONS

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

    parser = build_parser()
    _complete_values(parser, {"DIR": shtab.DIRECTORY, "FILE": shtab.FILE, "PATH": shtab.FILE})
    print(shtab.complete(parser, shell=arguments.shell))
    return 0


def _complete_values(parser: argparse.ArgumentParser, paths: Mapping[object, object]) -> None:
    """
    Tell shtab what the values of options may be.

    Args:
        parser: It will parse nothing any more: the choices are those of `OPTIONS`, which argparse would take literally.

        paths: What stands for a value in help → how each shell completes it.
    """
    choices = {f"--{option.name}": option.choices for option in OPTIONS if option.choices}
    for action in parser._actions:  # noqa: SLF001 - argparse has no public way to see what a parser has
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001 - as above
            for below in action.choices.values():
                _complete_values(below, paths)
        elif action.option_strings and action.option_strings[0] in choices:
            action.choices = choices[action.option_strings[0]]
        elif action.metavar in paths:
            action.complete = paths[action.metavar]  # type: ignore[attr-defined] # where shtab looks for it
