"""`modelwatch models tag | note | alias | delete`."""

from __future__ import annotations

import argparse

from modelwatch.cli import output
from modelwatch.cli.arguments import Subparsers, settings_of
from modelwatch.cli.models_selection import add_model, add_parser, add_version, counted, open_repository
from modelwatch.core.lock import LockedError
from modelwatch.repository.garbage import Collected
from modelwatch.repository.json_shapes import model_json, version_json
from modelwatch.repository.repository import Repository


def add_to(subparsers: Subparsers) -> None:
    """Add the four commands."""
    parser = add_parser(
        subparsers,
        "tag",
        text="Add tags to a model or to one of its versions, or remove them.",
        examples="  modelwatch models tag digits released\n  modelwatch models tag digits bad --version 3\n"
        "  modelwatch models tag digits released --remove",
    )
    add_model(parser)
    parser.add_argument("tags", metavar="TAG", nargs="+", help="a word or phrase")
    parser.add_argument("--remove", action="store_true", help="remove the tags instead")
    add_version(parser, text="tag this version instead of the model", default=None)
    parser.set_defaults(handle=_tag)

    parser = add_parser(
        subparsers,
        "note",
        text="Replace the notes on a model or on one of its versions.",
        examples="  modelwatch models note digits 'trained on the cleaned data'\n  modelwatch models note digits '' --version 3",
    )
    add_model(parser)
    parser.add_argument("text", metavar="TEXT", help="the notes; an empty text removes them")
    add_version(parser, text="the version to note on instead of the model", default=None)
    parser.set_defaults(handle=_note)

    parser = add_parser(
        subparsers,
        "alias",
        text="Let a name of your own mean a version, wherever --version is given.",
        examples="  modelwatch models alias digits best --version 3\n  modelwatch models download digits --version best",
    )
    add_model(parser)
    parser.add_argument("alias", metavar="ALIAS", help="the name; it moves when it was another version's")
    add_version(parser, text="the version")
    parser.set_defaults(handle=_alias)

    parser = add_parser(
        subparsers,
        "delete",
        text="Delete a model with all its versions, or one version, for good.",
        examples="  modelwatch models delete digits\n  modelwatch models delete digits --version 3 --yes",
    )
    add_model(parser)
    add_version(parser, text="delete only this version", default=None)
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.set_defaults(handle=_delete)


def _tag(arguments: argparse.Namespace) -> int:
    settings = settings_of(arguments)
    repository = open_repository(settings)
    change = repository.untag if arguments.remove else repository.tag
    change(arguments.model, tuple(arguments.tags), team=settings.team, version=arguments.version)
    return _show(repository, arguments, settings.team)


def _note(arguments: argparse.Namespace) -> int:
    settings = settings_of(arguments)
    repository = open_repository(settings)
    repository.note(arguments.model, arguments.text, team=settings.team, version=arguments.version)
    return _show(repository, arguments, settings.team)


def _alias(arguments: argparse.Namespace) -> int:
    settings = settings_of(arguments)
    repository = open_repository(settings)
    number = repository.set_alias(arguments.model, arguments.alias, arguments.version, team=settings.team)
    if arguments.json:
        output.print_json({"model": arguments.model, "alias": arguments.alias, "version": number})
    else:
        print(f"{output.printable(arguments.alias)} means version {number} of {output.printable(arguments.model)}")
    return 0


def _show(repository: Repository, arguments: argparse.Namespace, team: str) -> int:
    """Print the tags and notes as they are now."""
    model = repository.model(arguments.model, team=team)
    version = None if arguments.version is None else repository.version(arguments.model, arguments.version, team=team)
    if arguments.json:
        output.print_json(model_json(model) if version is None else version_json(version))
    else:
        subject = model if version is None else version
        name = model.name if version is None else f"{model.name} version {version.number}"
        rows = [(name, ", ".join(subject.tags), subject.notes)]
        output.table(("of", "tags", "notes"), rows)
    return 0


def _delete(arguments: argparse.Namespace) -> int:
    settings = settings_of(arguments)
    repository = open_repository(settings)
    model = repository.model(arguments.model, team=settings.team)
    if arguments.version is None:
        what = f"model {model.name} with {counted(len(model.versions), 'version')}"
        numbers = [version.number for version in model.versions]
    else:
        numbers = [repository.version(arguments.model, arguments.version, team=settings.team).number]
        what = f"version {numbers[0]} of model {model.name}"
    if not output.confirm(f"delete {what} for good?", yes=arguments.yes):
        return 1
    if arguments.version is None:
        repository.delete_model(arguments.model, team=settings.team)
    else:
        repository.delete_version(arguments.model, str(numbers[0]), team=settings.team)
    collected = free_space(repository)
    if arguments.json:
        output.print_json({"model": model.name, "id": model.id, "deleted": numbers, "freed": collected.size_bytes})
    else:
        print(f"deleted {output.printable(what)}, {output.size(collected.size_bytes)} freed")
    return 0


def free_space(repository: Repository) -> Collected:
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
