"""`modelwatch models delete | restore`."""

from __future__ import annotations

import argparse
import math

from modelwatch.cli import output
from modelwatch.cli.arguments import Subparsers
from modelwatch.cli.models_selection import add_model, add_parser, add_version, counted, on_repository
from modelwatch.core.errors import UsageError
from modelwatch.core.lock import LockedError
from modelwatch.repository.base import TeamRepository
from modelwatch.repository.garbage import Collected
from modelwatch.repository.json_shapes import model_json, version_json

_DAY_SECONDS = 86400.0


def add_to(subparsers: Subparsers) -> None:
    """Add the two commands."""
    parser = add_parser(
        subparsers,
        "delete",
        text="Delete a model with all its versions, or one version: for good, unless it is told otherwise.",
        examples="  modelwatch models delete digits\n  modelwatch models delete digits --version 3 --yes\n"
        "  modelwatch models delete digits --keep 7",
    )
    add_model(parser)
    add_version(parser, text="delete only this version", default=None)
    parser.add_argument(
        "--keep", metavar="DAYS", help="keep the content for so many days, for `models restore`; a server decides that itself"
    )
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.set_defaults(handle=on_repository(_delete))

    parser = add_parser(
        subparsers,
        "restore",
        text="Bring a deleted model back, or a deleted version of one, while its content is still there.",
        examples="  modelwatch models restore digits\n  modelwatch models restore digits --version 3",
    )
    add_model(parser)
    add_version(parser, text="bring back only this version", default=None)
    parser.set_defaults(handle=on_repository(_restore))


def _delete(repository: TeamRepository, arguments: argparse.Namespace) -> int:
    keep_seconds = _keep_seconds(arguments.keep)
    if arguments.version is None:
        model = repository.model(arguments.model)
        what = f"model {model.name} with {counted(model.versions, 'version')}"
        numbers = [version.number for version in repository.versions(arguments.model)]
    else:
        found = repository.version(arguments.model, arguments.version)
        model, numbers = found.model, [found.version.number]
        what = f"version {numbers[0]} of model {model.name}"
    for_good = " for good" if repository.deletes_for_good and not keep_seconds else ""
    if not output.confirm(f"delete {what}{for_good}?", yes=arguments.yes):
        return 1
    if arguments.version is None:
        repository.delete_model(arguments.model, keep_seconds=keep_seconds)
    else:
        repository.delete_version(arguments.model, str(numbers[0]), keep_seconds=keep_seconds)
    collected = free_space(repository)
    if arguments.json:
        output.print_json({"model": model.name, "id": model.id, "deleted": numbers, "freed": collected.size_bytes})
    elif keep_seconds:
        print(f"deleted {output.printable(what)}; `modelwatch models restore` brings it back within {arguments.keep} days")
    else:
        print(f"deleted {output.printable(what)}{after_deletion(repository, collected)}")
    return 0


def _keep_seconds(days: str | None) -> float:
    if days is None:
        return 0.0
    try:
        seconds = float(days) * _DAY_SECONDS
    except ValueError:
        seconds = 0.0
    if not (0 < seconds < math.inf):
        raise UsageError(f"--keep: not a number of days: {days!r}", hint="for example --keep 7")
    return seconds


def after_deletion(repository: TeamRepository, collected: Collected) -> str:
    """Return what is to be said besides what was deleted."""
    if repository.deletes_for_good:
        return f", {output.size(collected.size_bytes)} freed"
    return "; `modelwatch models restore` brings it back within a week"


def _restore(repository: TeamRepository, arguments: argparse.Namespace) -> int:
    if arguments.version is None:
        model = repository.restore_model(arguments.model)
        value, what = model_json(model), f"model {model.name} with {counted(model.versions, 'version')}"
    else:
        version = repository.restore_version(arguments.model, arguments.version)
        value, what = version_json(version), f"version {version.number} of model {arguments.model}"
    if arguments.json:
        output.print_json(value)
    else:
        print(f"restored {output.printable(what)}")
    return 0


def free_space(repository: TeamRepository) -> Collected:
    """Remove the content that nothing needs any more; what is being registered now is waited for, and the user is told."""
    try:
        collected = repository.collect_garbage(wait=False)
    except LockedError:
        output.note("waiting for a registration to end before content is removed; Ctrl-C leaves that to the next delete")
        collected = repository.collect_garbage(wait=True)
    if collected.blocked_by:
        keys = ", ".join(problem.key for problem in collected.blocked_by)
        output.note(f"no content was removed, because these cannot be read: {keys}")
    return collected
