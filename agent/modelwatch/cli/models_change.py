"""`modelwatch models tag | note | alias | rename | publish`."""

from __future__ import annotations

import argparse

from modelwatch.cli import output
from modelwatch.cli.arguments import Subparsers
from modelwatch.cli.models_selection import add_model, add_parser, add_version, on_repository
from modelwatch.core.errors import UsageError
from modelwatch.repository.base import TeamRepository
from modelwatch.repository.json_shapes import model_json, version_json


def add_to(subparsers: Subparsers) -> None:
    """Add the five commands."""
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
        text="Let a name of your own mean a version, wherever --version is given; without one, list those of a model.",
        examples="  modelwatch models alias digits best --version 3\n  modelwatch models download digits --version best\n"
        "  modelwatch models alias digits\n  modelwatch models alias digits best --remove",
    )
    add_model(parser)
    parser.add_argument(
        "alias",
        metavar="ALIAS",
        nargs="?",
        help="the name; it moves when it was another version's; all of them are listed when absent",
    )
    add_version(parser, text="the version")
    parser.add_argument("--remove", action="store_true", help="let the name mean nothing any more")
    parser.set_defaults(handle=on_repository(_alias))

    parser = add_parser(
        subparsers,
        "rename",
        text="Call a model otherwise; its earlier names lead to it still, so that no training need know.",
        examples="  modelwatch models rename digits mnist-digits",
    )
    add_model(parser)
    parser.add_argument("new_name", metavar="NEW", help="the new name; one that no other model has or had")
    parser.set_defaults(handle=on_repository(_rename))

    parser = add_parser(
        subparsers,
        "publish",
        text="Let everyone who reaches the repository's server read a model, with or without a key.",
        examples="  modelwatch models publish digits\n  modelwatch models publish digits --undo",
    )
    add_model(parser)
    parser.add_argument("--undo", action="store_true", help="let only the team read it again")
    parser.set_defaults(handle=on_repository(_publish))


def _tag(repository: TeamRepository, arguments: argparse.Namespace) -> int:
    change = repository.untag if arguments.remove else repository.tag
    change(arguments.model, arguments.tags, version=arguments.version)
    return _show(repository, arguments)


def _note(repository: TeamRepository, arguments: argparse.Namespace) -> int:
    repository.note(arguments.model, arguments.text, version=arguments.version)
    return _show(repository, arguments)


def _alias(repository: TeamRepository, arguments: argparse.Namespace) -> int:
    if arguments.alias is None:
        return _aliases(repository, arguments)
    if arguments.remove:
        repository.remove_alias(arguments.model, arguments.alias)
        number, says = None, "means nothing any more of"
    else:
        number = repository.set_alias(arguments.model, arguments.alias, arguments.version)
        says = f"means version {number} of"
    if arguments.json:
        output.print_json({"model": arguments.model, "alias": arguments.alias, "version": number})
    else:
        print(f"{output.printable(arguments.alias)} {says} {output.printable(arguments.model)}")
    return 0


def _aliases(repository: TeamRepository, arguments: argparse.Namespace) -> int:
    if arguments.remove:
        raise UsageError(
            "--remove needs the alias that is to be removed", hint=f"modelwatch models alias {arguments.model} lists them"
        )
    model = repository.model(arguments.model)
    if arguments.json:
        output.print_json({"model": model.name, "aliases": dict(model.aliases)})
    else:
        output.table(("alias", "version"), sorted(model.aliases.items()), empty="no version has an alias")
    return 0


def _rename(repository: TeamRepository, arguments: argparse.Namespace) -> int:
    model = repository.rename(arguments.model, arguments.new_name)
    if arguments.json:
        output.print_json(model_json(model))
    else:
        print(f"{output.printable(arguments.model)} is called {output.printable(model.name)} now, id {model.id}")
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


def _publish(repository: TeamRepository, arguments: argparse.Namespace) -> int:
    model = repository.publish(arguments.model, public=not arguments.undo)
    if arguments.json:
        output.print_json(model_json(model))
    else:
        who = "everyone" if model.public else "its team alone"
        print(f"{output.printable(model.name)} can be read by {who}")
    return 0
