"""What the `models` and `experiments` commands have in common: which repository, which model, which version."""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Callable, Iterator

from modelwatch.cli.arguments import Subparsers, add_options, settings_of
from modelwatch.client.address import is_server
from modelwatch.config.settings import Settings
from modelwatch.core.errors import NotFoundError, UsageError
from modelwatch.repository.base import TeamRepository
from modelwatch.repository.local import LocalRepository
from modelwatch.repository.repository import LATEST, Repository


def add_parser(subparsers: Subparsers, name: str, *, text: str, examples: str) -> argparse.ArgumentParser:
    """Add a subcommand with the options that all of them have, and return its parser."""
    parser = subparsers.add_parser(
        name,
        help=f"{text[0].lower()}{text[1:].rstrip('.')}",
        description=text,
        epilog=f"examples:\n{examples}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--json", action="store_true", help="print JSON (docs/models.md describes it)")
    add_options(parser, names=("repository", "team"))
    return parser


def add_model(parser: argparse.ArgumentParser) -> None:
    """Add the argument that names a model."""
    parser.add_argument("model", metavar="NAME", help="the model's name or id")


def add_version(parser: argparse.ArgumentParser, *, text: str, default: str | None = LATEST) -> None:
    """Add the option that names a version."""
    parser.add_argument("--version", metavar="N", default=default, help=f"{text}: a number, `latest` or an alias")


def counted(count: int, noun: str) -> str:
    """Return a count with its noun, plural where it must be."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


@contextlib.contextmanager
def opened(settings: Settings, *, create: bool = False) -> Iterator[TeamRepository]:
    """Give the team's repository that the settings name. Raise UsageError, or what `Repository.open` raises."""
    if is_server(settings.repository):
        from modelwatch.client.connection import Connection  # noqa: PLC0415 - a folder's user does not wait for it to be imported
        from modelwatch.client.repository import RemoteRepository  # noqa: PLC0415 - as above

        with Connection(settings.repository, settings.api_key) as connection:
            yield RemoteRepository(connection, settings.team)
        return
    if "://" in settings.repository:
        scheme = settings.repository.partition(":")[0]
        raise UsageError(
            f"cannot read {settings.repository}: {scheme} repositories are not supported",
            hint="give a folder, or a server's address",
        )
    yield LocalRepository(Repository.open(settings.repository, create=create), settings.team)


@contextlib.contextmanager
def opened_if_there(settings: Settings) -> Iterator[TeamRepository | None]:
    """Give the repository that the settings name, or None when its folder is missing or empty. Raise as `opened`."""
    with contextlib.ExitStack() as stack:
        try:
            repository: TeamRepository | None = stack.enter_context(opened(settings))
        except NotFoundError:
            repository = None
        yield repository


def on_repository(handle: Callable[[TeamRepository, argparse.Namespace], int]) -> Callable[[argparse.Namespace], int]:
    """Return the handler of a command that works on a repository which is there."""

    def opened_first(arguments: argparse.Namespace) -> int:
        with opened(settings_of(arguments)) as repository:
            return handle(repository, arguments)

    return opened_first
