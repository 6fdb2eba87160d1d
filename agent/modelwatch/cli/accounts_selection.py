"""What the `teams`, `users`, `keys` and `audit` commands have in common: whose accounts, and who is at work."""

from __future__ import annotations

import argparse
import getpass
import os
from pathlib import Path

from modelwatch.cli.arguments import Subparsers, add_options, settings_of
from modelwatch.core.errors import NotFoundError, UsageError
from modelwatch.repository.repository import Repository
from modelwatch.server.accounts.accounts import Accounts
from modelwatch.server.accounts.database import accounts_path
from modelwatch.server.accounts.principal import Principal, operator


def add_parser(
    subparsers: Subparsers, name: str, *, text: str, examples: str, options: tuple[str, ...] = ("repository",)
) -> argparse.ArgumentParser:
    """Add a command with the options that all of them have, and return its parser."""
    parser = subparsers.add_parser(
        name,
        help=f"{text[0].lower()}{text[1:].partition('.')[0]}",
        description=text,
        epilog=f"examples:\n{examples}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--json", action="store_true", help="print JSON (docs/accounts.md describes it)")
    add_options(parser, names=options)
    return parser


def add_yes(parser: argparse.ArgumentParser) -> None:
    """Add the option that answers the question."""
    parser.add_argument("--yes", action="store_true", help="do not ask")


def open_accounts(arguments: argparse.Namespace, *, create: bool = False) -> Accounts:
    """
    Open the accounts of the repository that the options name.

    Args:
        arguments: Of a parser that `add_parser` made.

        create: Make the repository and its accounts when they are missing.

    Raises:
        UsageError: The repository is a server.

        NotFoundError: There is no repository, or it has no accounts.

        StateError: As `Repository.open` and `Accounts.open`.
    """
    where = settings_of(arguments).repository
    if "://" in where:
        raise UsageError(
            f"the accounts of {where} are kept on the server",
            hint="run this there, with --repository and the folder that it serves",
        )
    if not create and not Path(where).exists():
        raise NotFoundError(f"there is no repository at {where}", hint="name the folder that the server serves with --repository")
    repository = Repository.open(where, create=create)
    return Accounts.open(accounts_path(repository.root), create=create)


def open_if_there(arguments: argparse.Namespace) -> Accounts | None:
    """Open the accounts, or return None when nobody made any. Raise as `open_accounts`."""
    try:
        return open_accounts(arguments)
    except NotFoundError:
        return None


def at_work() -> Principal:
    """Return who runs the command, for the audit."""
    try:
        return operator(getpass.getuser())
    except (KeyError, OSError):  # a container's user often has a number and no name
        return operator(str(os.getuid()))
