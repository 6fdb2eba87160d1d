"""
The command line's top: finds the command, runs it, and turns every error into one line and a stable exit code.

Only the module of the command that is asked for is imported: `modelwatch run` stands before a training and must start at once.
"""

from __future__ import annotations

import argparse
import errno
import gc
import importlib
import io
import os
import sys
import traceback
from collections.abc import Mapping, Sequence
from typing import TextIO

from modelwatch import __version__
from modelwatch.cli.arguments import Parser
from modelwatch.config.sources import nearest
from modelwatch.core.errors import ModelwatchError, StateError, UsageError
from modelwatch.core.log import printable
from modelwatch.supervisor.ending import OWN_FAILURE

COMMANDS: Mapping[str, str] = {
    "run": "modelwatch.cli.run",
    "watch": "modelwatch.cli.watch",
    "status": "modelwatch.cli.status",
    "drain": "modelwatch.cli.drain",
    "doctor": "modelwatch.cli.doctor",
    "models": "modelwatch.cli.models",
    "experiments": "modelwatch.cli.experiments",
    "serve": "modelwatch.cli.serve",
    "teams": "modelwatch.cli.teams",
    "users": "modelwatch.cli.users",
    "keys": "modelwatch.cli.keys",
    "audit": "modelwatch.cli.audit",
    "config": "modelwatch.cli.config",
    "completion": "modelwatch.cli.completion",
}
"""Command → the module that has it: `NAME`, `add_to(subparsers)` and a handler."""

_INTERNAL_ERROR = 70
_INTERRUPTED = 130
_BROKEN_PIPE = 141
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})
"""What printing fails with where standard output is a file; whatever else we write says so itself."""

_START = """\
start here:
  modelwatch run --modelPath ./models -- python train.py   train, and register every checkpoint
  modelwatch models list                                   what has been registered
  modelwatch doctor                                        what modelwatch would do here
"""


def build_parser(names: Sequence[str] = tuple(COMMANDS)) -> Parser:
    """Return the parser with the named commands."""
    parser = Parser(
        prog="modelwatch",
        description="Registers every checkpoint your training completes, with its metrics, without touching your training code.",
        epilog=_START,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"modelwatch {__version__}")
    subparsers = parser.add_subparsers(title="commands", metavar="COMMAND", dest="command")
    for name in names:
        importlib.import_module(COMMANDS[name]).add_to(subparsers)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """
    Run one command.

    Args:
        argv: The arguments without the program's name; the process's own when None.

    Returns:
        The exit code; the README has the table.
    """
    _prepare_streams()
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        code = _written(_main(words))
    except BrokenPipeError:
        _discard(sys.stdout, sys.stderr)
        code = _BROKEN_PIPE
    # `run` comes back only when it failed before the training started: its other codes are all the training's (docs/adr/0013).
    return OWN_FAILURE if words[:1] == ["run"] and code not in {0, _INTERRUPTED} else code


def _prepare_streams() -> None:
    """Let every text be printed: into streams that were closed before the start, and in encodings that lack a character."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115, PTH123 - open until the process ends
        elif isinstance(stream, io.TextIOWrapper) and mode == "w":
            stream.reconfigure(errors="backslashreplace")


def _main(words: list[str]) -> int:
    try:
        return _run(words)
    except ModelwatchError as error:
        return _told(error)
    except KeyboardInterrupt:
        return _INTERRUPTED
    except BrokenPipeError:
        raise
    except Exception as error:  # noqa: BLE001 - the command line's top: no user ever sees a traceback that was not asked for
        if isinstance(error, OSError) and error.errno in _FULL:
            return _told(_unwritable(error))
        if os.environ.get("MODELWATCH_DEBUG"):
            traceback.print_exc()
        what = printable(f"{type(error).__name__}: {error}")
        print(f"modelwatch: internal error: {what}", file=sys.stderr)
        print("modelwatch: hint: run it again with MODELWATCH_DEBUG=1 and report what it prints", file=sys.stderr)
        return _INTERNAL_ERROR


def _written(code: int) -> int:
    """Return `code` once the whole output is written; when it cannot be, say so and return another. Raise BrokenPipeError."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        _discard(sys.stdout)
        return _told(_unwritable(error))
    return code


def _unwritable(error: OSError) -> StateError:
    return StateError(f"the output cannot be written: {error.strerror}")


def _discard(*streams: TextIO) -> None:
    """Have nothing more written to these streams, not even by the interpreter's own flush at exit, which would fail again."""
    null = os.open(os.devnull, os.O_WRONLY)
    for stream in streams:
        os.dup2(null, stream.fileno())
    os.close(null)


def _run(words: list[str]) -> int:
    first = words[0] if words else ""
    if first and not first.startswith("-") and first not in COMMANDS:
        raise UsageError(f"there is no command {printable(first)}{nearest(first, list(COMMANDS))}", hint="see `modelwatch --help`")
    parser = build_parser([first] if first in COMMANDS else tuple(COMMANDS))
    try:
        arguments = parser.parse_args(words)
    except SystemExit as end:  # --help and --version
        return int(end.code or 0)
    if not arguments.command:
        parser.print_help()
        return 0
    if not gc.isenabled():  # as the console script begins
        gc.freeze()  # what was imported stays: to go through it again and again takes longer than a checkpoint may live
        gc.enable()
    return int(arguments.handle(arguments))


def _told(error: ModelwatchError) -> int:
    for line in error.message.splitlines() or [""]:
        print(f"modelwatch: error: {printable(line)}", file=sys.stderr)
    if error.hint:
        print(f"modelwatch: hint: {printable(error.hint)}", file=sys.stderr)
    return error.exit_code
