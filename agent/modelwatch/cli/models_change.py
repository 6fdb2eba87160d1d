"""`modelwatch models tag | note | alias | publish | delete | restore`."""

from __future__ import annotations

import argparse

from modelwatch.cli import output
from modelwatch.cli.arguments import Subparsers
from modelwatch.cli.models_selection import add_model, add_parser, add_version, counted, on_repository
from modelwatch.core.lock import LockedError
from modelwatch.repository.base import TeamRepository
from modelwatch.repository.garbage import Collected
from modelwatch.repository.json_shapes import model_json, version_json


def add_to(subparsers: Subparsers) -> None:
    """Add the six commands."""
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
    parser.set_defaults(handle=on_repository(_tag))

    parser = add_parser(
        subparsers,
        "note",
        text="Replace the notes on a model or on one of its versions.",
        examples="  modelwatch models note digits 'trained on the cleaned data'\n  modelwatch models note digits '' --version 3",
    )
    add_model(parser)
    parser.add_argument("text", metavar="TEXT", help="the notes; an empty text removes them")
    add_version(parser, text="the version to note on instead of the model", default=None)
    parser.set_defaults(handle=on_repository(_note))

    parser = add_parser(
        subparsers,
        "alias",
        text="Let a name of your own mean a version, wherever --version is given.",
        examples="  modelwatch models alias digits best --version 3\n  modelwatch models download digits --version best",
    )
    add_model(parser)
    parser.add_argument("alias", metavar="ALIAS", help="the name; it moves when it was another version's")
    add_version(parser, text="the version")
    parser.set_defaults(handle=on_repository(_alias))

    parser = add_parser(
        subparsers,
        "publish",
        text="Let everyone who reaches the repository's server read a model, with or without a key.",
        examples="  modelwatch models publish digits\n  modelwatch models publish digits --undo",
    )
    add_model(parser)
    parser.add_argument("--undo", action="store_true", help="let only the team read it again")
    parser.set_defaults(handle=on_repository(_publish))

    parser = add_parser(
        subparsers,
        "delete",
        text="Delete a model with all its versions, or one version, for good.",
        examples="  modelwatch models delete digits\n  modelwatch models delete digits --version 3 --yes",
    )
    add_model(parser)
    add_version(parser, text="delete only this version", default=None)
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


def _tag(repository: TeamRepository, arguments: argparse.Namespace) -> int:
    change = repository.untag if arguments.remove else repository.tag
    change(arguments.model, arguments.tags, version=arguments.version)
    return _show(repository, arguments)


def _note(repository: TeamRepository, arguments: argparse.Namespace) -> int:
    repository.note(arguments.model, arguments.text, version=arguments.version)
    return _show(repository, arguments)


def _alias(repository: TeamRepository, arguments: argparse.Namespace) -> int:
    number = repository.set_alias(arguments.model, arguments.alias, arguments.version)
    if arguments.json:
        output.print_json({"model": arguments.model, "alias": arguments.alias, "version": number})
    else:
        print(f"{output.printable(arguments.alias)} means version {number} of {output.printable(arguments.model)}")
    return 0


def _show(repository: TeamRepository, arguments: argparse.Namespace) -> int:
    """Print the tags and notes as they are now."""
    if arguments.version is None:
        model = repository.model(arguments.model)
        value, name, tags, notes = model_json(model), model.name, model.tags, model.notes
    else:
        found = repository.version(arguments.model, arguments.version)
        version = found.version
        value, name, tags, notes = (
            version_json(version),
            f"{found.model.name} version {version.number}",
            version.tags,
            version.notes,
        )
    if arguments.json:
        output.print_json(value)
    else:
        output.table(("of", "tags", "notes"), [(name, ", ".join(tags), notes)])
    return 0


def _delete(repository: TeamRepository, arguments: argparse.Namespace) -> int:
    if arguments.version is None:
        model = repository.model(arguments.model)
        what = f"model {model.name} with {counted(model.versions, 'version')}"
        numbers = [version.number for version in repository.versions(arguments.model)]
    else:
        found = repository.version(arguments.model, arguments.version)
        model, numbers = found.model, [found.version.number]
        what = f"version {numbers[0]} of model {model.name}"
    if not output.confirm(f"delete {what}{' for good' if repository.deletes_for_good else ''}?", yes=arguments.yes):
        return 1
    if arguments.version is None:
        repository.delete_model(arguments.model)
    else:
        repository.delete_version(arguments.model, str(numbers[0]))
    collected = free_space(repository)
    if arguments.json:
        output.print_json({"model": model.name, "id": model.id, "deleted": numbers, "freed": collected.size_bytes})
    else:
        print(f"deleted {output.printable(what)}{after_deletion(repository, collected)}")
    return 0


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


def _publish(repository: TeamRepository, arguments: argparse.Namespace) -> int:
    model = repository.publish(arguments.model, public=not arguments.undo)
    if arguments.json:
        output.print_json(model_json(model))
    else:
        who = "everyone" if model.public else "its team alone"
        print(f"{output.printable(model.name)} can be read by {who}")
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
