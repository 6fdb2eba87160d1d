"""What the `models` and `experiments` commands have in common: which repository, which model, which version."""

from __future__ import annotations

import argparse

from modelwatch.cli.arguments import Subparsers, add_options
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


def _folder(settings: Settings) -> str:
    if "://" in settings.repository:
        scheme = settings.repository.partition(":")[0]
        raise UsageError(f"cannot read {settings.repository}: {scheme} repositories are not supported", hint="give a folder")
    return settings.repository


def open_repository(settings: Settings, *, create: bool = False) -> TeamRepository:
    """Open the repository that the settings name. Raise UsageError, or what `Repository.open` raises."""
    return LocalRepository(Repository.open(_folder(settings), create=create), settings.team)


def open_if_there(settings: Settings) -> TeamRepository | None:
    """Open the repository that the settings name, or return None when its folder is missing or empty. Raise as `open_repository`."""
    try:
        return open_repository(settings)
    except NotFoundError:
        return None
