"""Where a password comes from: a terminal, a file, standard input, or ourselves. Never the command line, which every user of the machine can read."""

from __future__ import annotations

import argparse
import getpass
import sys
from pathlib import Path

from modelwatch.cli import output
from modelwatch.core.errors import StateError, UsageError
from modelwatch.core.files import read_whole
from modelwatch.server.accounts.passwords import LONGEST

_STANDARD_INPUT = "-"
_LARGEST_FILE_BYTES = 8 * LONGEST


def add_password(parser: argparse.ArgumentParser) -> None:
    """Add the options that say where the password comes from."""
    source = parser.add_mutually_exclusive_group()
    source.add_argument(
        "--askPassword",
        "--ask-password",
        action="store_true",
        dest="ask_password",
        help="ask for the password on the terminal, instead of making a one-time password",
    )
    source.add_argument(
        "--passwordFile",
        "--password-file",
        metavar="FILE",
        dest="password_file",
        help=f"take the password from the first line of a file, {_STANDARD_INPUT} for standard input, instead",
    )


def password_of(arguments: argparse.Namespace) -> str | None:
    """
    Return the password that the options say, None for a one-time password.

    Raises:
        UsageError: There is no terminal to ask on, the two answers differ, or the file holds none.

        StateError: The file cannot be read.
    """
    if arguments.ask_password:
        return _asked()
    if arguments.password_file == _STANDARD_INPUT:
        return _first_line(sys.stdin.readline(), "standard input")
    if arguments.password_file is not None:
        return _first_line(_read(Path(arguments.password_file)), arguments.password_file)
    return None


def tell_one_time(user: str, password: str | None) -> None:
    """Print a one-time password, and beside it what it is good for; nothing when there is none."""
    if password is None:
        return
    output.note(f"{user} signs in with this within a week and then chooses another; it is shown only now")
    print(password)


def _asked() -> str:
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageError("there is no terminal to ask for the password on", hint="use --passwordFile FILE, or --passwordFile -")
    first = getpass.getpass("Password: ")
    if getpass.getpass("Again: ") != first:
        raise UsageError("these were two different passwords", hint="nothing was changed; try again")
    return first


def _read(path: Path) -> str:
    try:
        return read_whole(path, limit_bytes=_LARGEST_FILE_BYTES).decode()
    except OSError as error:
        raise StateError(f"cannot read {path}: {error.strerror}") from error
    except ValueError as error:
        raise UsageError(f"{path} holds no password: it is too large, or not UTF-8") from error


def _first_line(text: str, where: str) -> str:
    password = text.partition("\n")[0].removesuffix("\r")
    if not password:
        raise UsageError(f"{where} has no password on its first line")
    return password
