"""`modelwatch experiments`: what came from which experiment, and what goes with it."""

from __future__ import annotations

import argparse

from modelwatch.cli import output
from modelwatch.cli.arguments import Subparsers, settings_of
from modelwatch.cli.models_delete import after_deletion, free_space
from modelwatch.cli.models_selection import add_parser, counted, on_repository, opened_if_there
from modelwatch.core.entities import Lifetime
from modelwatch.repository.base import TeamRepository
from modelwatch.repository.json_shapes import experiment_json

NAME = "experiments"

_EXAMPLES = """\
examples:
  modelwatch experiments list
  modelwatch experiments show es1234567890ab
  modelwatch experiments delete es1234567890ab --yes
"""


def add_to(subparsers: Subparsers) -> None:
    """Add the command and its subcommands."""
    parser = subparsers.add_parser(
        NAME,
        help="list experiments, and delete what lives with one",
        description="List the experiments that versions came from, and delete the versions that live with one.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    actions = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    parser = add_parser(
        actions, "list", text="List the experiments that versions came from.", examples="  modelwatch experiments list"
    )
    parser.set_defaults(handle=_list)

    parser = add_parser(
        actions,
        "show",
        text="Show the versions that came from an experiment.",
        examples="  modelwatch experiments show es1234567890ab",
    )
    parser.add_argument("experiment", metavar="ID", help="the experiment's id")
    parser.set_defaults(handle=on_repository(_show))

    parser = add_parser(
        actions,
        "delete",
        text="Delete the versions that live with an experiment; its permanent versions stay.",
        examples="  modelwatch experiments delete es1234567890ab",
    )
    parser.add_argument("experiment", metavar="ID", help="the experiment's id")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.set_defaults(handle=on_repository(_delete))


def _list(arguments: argparse.Namespace) -> int:
    with opened_if_there(settings_of(arguments)) as repository:
        found = () if repository is None else repository.experiments()
    if arguments.json:
        output.print_json({"experiments": [experiment_json(each) for each in found]})
        return 0
    output.table(
        ("experiment", "project", "models", "versions", "kept for good", "size", "last"),
        [
            (
                each.id,
                each.project,
                ", ".join(each.models),
                len(each.versions),
                len(each.with_lifetime(Lifetime.PERMANENT)),
                output.size(each.size),
                output.ago(each.versions[-1].registered),
            )
            for each in found
        ],
        empty="no version came from an experiment yet",
    )
    return 0


def _show(repository: TeamRepository, arguments: argparse.Namespace) -> int:
    found = repository.experiment(arguments.experiment)
    if arguments.json:
        output.print_json(experiment_json(found))
        return 0
    output.table(
        ("model", "version", "type", "step", "epoch", "kept", "size", "when"),
        [
            (
                version.model,
                version.number,
                version.model_type.value,
                version.step,
                version.epoch,
                "for good" if version.lifetime is Lifetime.PERMANENT else "with the experiment",
                output.size(version.size),
                output.ago(version.registered),
            )
            for version in found.versions
        ],
    )
    return 0


def _delete(repository: TeamRepository, arguments: argparse.Namespace) -> int:
    found = repository.experiment(arguments.experiment)
    going, staying = found.with_lifetime(Lifetime.EXPERIMENT), found.with_lifetime(Lifetime.PERMANENT)
    for_good = " for good" if repository.deletes_for_good else ""
    if not output.confirm(
        f"delete {counted(len(going), 'version')} of experiment {found.id}{for_good}? {len(staying)} kept", yes=arguments.yes
    ):
        return 1
    repository.delete_experiment(found.id)
    collected = free_space(repository)
    if arguments.json:
        output.print_json(
            {
                "experiment": found.id,
                "deleted": [{"model": version.model, "version": version.number} for version in going],
                "kept": [{"model": version.model, "version": version.number} for version in staying],
                "freed": collected.size_bytes,
            }
        )
    else:
        kept = counted(len(staying), "permanent version")
        print(f"deleted {counted(len(going), 'version')}, {kept} kept{after_deletion(repository, collected)}")
    return 0
