"""`modelwatch models list | versions | details | files`."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence

from modelwatch.cli import output
from modelwatch.cli.arguments import Subparsers, settings_of
from modelwatch.cli.models_selection import add_model, add_parser, add_version, on_repository, opened_if_there
from modelwatch.core.entities import Metric
from modelwatch.core.errors import UsageError
from modelwatch.core.json import JsonValue
from modelwatch.metrics.summary import headline
from modelwatch.repository.base import Listed, TeamRepository
from modelwatch.repository.deleted import Deleted
from modelwatch.repository.json_shapes import deleted_json, files_json, model_json, timestamp, version_json
from modelwatch.repository.summaries import ModelSummary, VersionSummary

_VERSION_COLUMNS = ("version", "type", "step", "loss", "accuracy", "val loss", "val accuracy", "size", "when")

_LONGEST_VALUE = 100

_START = """\
no models yet in {folder}
  register what a training writes:    modelwatch run --modelPath ./checkpoints -- python train.py
  register what a folder holds:       modelwatch watch --once --modelPath ./checkpoints
  bring a model of your own:          modelwatch models upload ./model --name my-model"""


def add_to(subparsers: Subparsers) -> None:
    """Add the four commands."""
    parser = add_parser(
        subparsers,
        "list",
        text="List models, each with its latest version.",
        examples="  modelwatch models list --tag released\n  modelwatch models list --public\n  modelwatch models list --deleted",
    )
    parser.add_argument("--tag", action="append", default=[], metavar="TAG", help="only models with this tag; repeat for several")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--public", action="store_true", help="the models that any team has published, instead of the team's own")
    which.add_argument("--deleted", action="store_true", help="what was deleted and `modelwatch models restore` brings back")
    parser.set_defaults(handle=_list)

    parser = add_parser(
        subparsers, "versions", text="List the versions of a model.", examples="  modelwatch models versions digits"
    )
    add_model(parser)
    parser.set_defaults(handle=on_repository(_versions))

    parser = add_parser(
        subparsers,
        "details",
        text="Show all that is known about a version and its model.",
        examples="  modelwatch models details digits\n  modelwatch models details digits --version 3 --json",
    )
    add_model(parser)
    add_version(parser, text="the version")
    parser.set_defaults(handle=on_repository(_details))

    parser = add_parser(
        subparsers, "files", text="List the files of a version.", examples="  modelwatch models files digits --version latest"
    )
    add_model(parser)
    add_version(parser, text="the version")
    parser.set_defaults(handle=on_repository(_files))


def _list(arguments: argparse.Namespace) -> int:
    settings = settings_of(arguments)
    with opened_if_there(settings) as repository:
        if arguments.deleted:
            return _list_deleted(() if repository is None else repository.deleted(), arguments)
        if repository is None:
            listed = Listed(())
        elif arguments.public:
            published = repository.public_models()
            shown = tuple(model for model in published.models if set(arguments.tag) <= set(model.tags))
            listed = Listed(shown, published.problems)
        else:
            listed = repository.list_models(tags=arguments.tag)
    for problem in listed.problems:
        output.note(f"left out: {output.printable(problem.key)}: {output.printable(problem.reason)}")
    if arguments.json:
        output.print_json({"models": [model_json(model) for model in listed.models]})
    elif arguments.public:
        output.table(
            ("team", "name", *_VERSION_COLUMNS, "id"),
            [(model.team, *_model_row(model)) for model in listed.models],
            empty="no published model has these tags" if arguments.tag else "no team has published a model",
            spare=("id", "size", "when"),
        )
    elif not listed.models and not arguments.tag:
        print(_START.format(folder=output.printable(settings.repository)))
    else:
        output.table(
            ("name", *_VERSION_COLUMNS, "id"),
            [_model_row(model) for model in listed.models],
            empty="no model has these tags",
            spare=("id", "size", "when"),
        )
    return 0


def _list_deleted(deleted: Sequence[Deleted], arguments: argparse.Namespace) -> int:
    if arguments.tag:
        raise UsageError("what was deleted cannot be listed by tags", hint="leave --tag out")
    if arguments.json:
        output.print_json({"deleted": [deleted_json(each) for each in deleted]})
        return 0
    output.table(
        ("name", "what", "deleted", "kept until", "id"),
        [(each.model, _what(each), output.ago(each.deleted), timestamp(each.until), each.model_id) for each in deleted],
        empty="nothing that was deleted can be restored",
        spare=("id",),
    )
    return 0


def _what(deleted: Deleted) -> str:
    if deleted.version is not None:
        return f"version {deleted.version}"
    return "all of it, 1 version" if len(deleted.versions) == 1 else f"all of it, {len(deleted.versions)} versions"


def _versions(repository: TeamRepository, arguments: argparse.Namespace) -> int:
    model = repository.model(arguments.model)
    versions = list(repository.versions(arguments.model))
    if arguments.json:
        output.print_json({**model_json(model), "versions": [version_json(version) for version in versions]})
    else:
        rows = [(*_version_row(version), version.root or ".") for version in versions]
        output.table((*_VERSION_COLUMNS, "checkpoint"), rows, empty="every version was deleted", spare=("when", "size"))
    return 0


def _files(repository: TeamRepository, arguments: argparse.Namespace) -> int:
    found = repository.version(arguments.model, arguments.version)
    if arguments.json:
        output.print_json({"version": found.version.number, "files": files_json(found.manifest)})
    else:
        entries = found.manifest.entries
        output.table(("path", "size", "digest"), [(entry.path, output.size(entry.size), str(entry.digest)) for entry in entries])
    return 0


def _details(repository: TeamRepository, arguments: argparse.Namespace) -> int:
    found = repository.version(arguments.model, arguments.version)
    model, version = found.model, found.version
    if arguments.json:
        output.print_json({"model": model_json(model), "version": {**version_json(version), "files": files_json(found.manifest)}})
        return 0
    output.table(("model", ""), _model_facts(model))
    output.table((f"version {version.number}", ""), _version_facts(version))
    output.table(
        ("metric", "split", "value", "step", "joined by", "steps apart", "run", "tag"),
        [_metric_row(metric) for metric in version.metrics],
        empty="no metrics were logged for it",
    )
    output.table(("file", "size"), [(entry.path, output.size(entry.size)) for entry in found.manifest.entries])
    metadata = dict(version.metadata)
    if facts := _lineage_facts(metadata.pop("lineage", None)):
        output.table(("lineage", ""), facts)
    output.table(("metadata", ""), [(name, _shortened(value)) for name, value in metadata.items()])
    if any(_is_long(value) for value in (model.summary, *metadata.values())):
        output.note("what ends in … is longer: --json shows all of it")
    return 0


def _model_row(model: ModelSummary) -> Sequence[object]:
    if model.latest is None:
        return (model.name, *([None] * len(_VERSION_COLUMNS)), model.id)
    return (model.name, *_version_row(model.latest), model.id)


def _version_row(version: VersionSummary) -> Sequence[object]:
    head = headline(version.metrics)
    return (
        version.number,
        version.model_type.value,
        _reached(version.step, version.epoch),
        *(
            metric and _number(metric.value)
            for metric in (head.loss, head.accuracy, head.validation_loss, head.validation_accuracy)
        ),
        output.size(version.size),
        output.ago(version.registered),
    )


def _metric_row(metric: Metric) -> Sequence[object]:
    return (
        metric.key,
        metric.split,
        _number(metric.value),
        metric.step,
        metric.join,
        metric.step_delta,
        metric.run,
        metric.tag,
    )


def _text(value: JsonValue) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _is_long(value: JsonValue) -> bool:
    return len(_text(value)) > _LONGEST_VALUE


def _shortened(value: JsonValue) -> str:
    """Return a value for people: what a program would read in it, such as an optimizer's whole configuration, has no end otherwise."""
    return f"{_text(value)[:_LONGEST_VALUE]}…" if _is_long(value) else _text(value)


def _reached(step: int | None, epoch: int | None) -> str | None:
    """Return how far the training was: its step, else its epoch."""
    if step is not None:
        return str(step)
    return None if epoch is None else f"epoch {epoch}"


def _number(value: float) -> str:
    return f"{value:.4f}"


def _model_facts(model: ModelSummary) -> list[Sequence[object]]:
    return [
        ("name", model.name),
        ("id", model.id),
        ("team", model.team),
        ("created", timestamp(model.created)),
        ("modified", timestamp(model.modified)),
        ("versions", model.versions),
        ("tags", ", ".join(model.tags)),
        ("aliases", ", ".join(f"{alias}: {number}" for alias, number in model.aliases.items())),
        ("read by", "everyone" if model.public else "its team"),
        ("summary", "" if model.summary is None else _shortened(model.summary)),
        ("notes", model.notes),
    ]


def _version_facts(version: VersionSummary) -> list[Sequence[object]]:
    provenance = version.provenance
    return [
        ("type", version.model_type.value),
        ("format", version.format),
        ("checkpoint", version.root),
        ("step", version.step),
        ("epoch", version.epoch),
        ("origin", version.origin),
        ("experiment", provenance.experiment),
        ("project", provenance.project),
        ("run", provenance.run),
        ("host", provenance.host),
        ("complete", timestamp(version.created)),
        ("registered", timestamp(version.registered)),
        ("size", output.size(version.size)),
        ("digest", str(version.digest)),
        ("lifetime", version.lifetime.value),
        ("storage", version.storage.value),
        ("source", version.source),
        ("tags", ", ".join(version.tags)),
        ("notes", version.notes),
    ]


def _lineage_facts(lineage: JsonValue) -> list[Sequence[object]]:
    """Return the rows of a lineage, which a program of another version may have written: what is not understood is left to --json."""
    if not isinstance(lineage, dict):
        return []
    parts = {name: part if isinstance(part := lineage.get(name), dict) else {} for name in ("git", "packages", "environment")}
    facts: list[Sequence[object]] = [
        ("commit", parts["git"].get("sha")),
        ("branch", parts["git"].get("ref")),
        ("sources", parts["git"].get("repository")),
        *((name, lineage.get(name)) for name in ("command", "image", "python")),
        ("packages", ", ".join(f"{name} {version}" for name, version in parts["packages"].items())),
        *((name, value) for name, value in parts["environment"].items()),
    ]
    return [fact for fact in facts if fact[1]]
