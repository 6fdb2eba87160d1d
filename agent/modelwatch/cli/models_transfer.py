"""`modelwatch models upload | download | verify`."""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path

from modelwatch.cli import output
from modelwatch.cli.arguments import Subparsers, settings_of
from modelwatch.cli.models_selection import add_model, add_parser, add_version, counted, on_repository, opened
from modelwatch.core.entities import ModelType
from modelwatch.core.errors import PermanentError, UsageError
from modelwatch.core.json import JsonValue
from modelwatch.formats.recognise import recognise
from modelwatch.repository.base import FoundVersion, TeamRepository
from modelwatch.repository.downloading import Downloaded, download, select
from modelwatch.repository.json_shapes import model_json, version_json
from modelwatch.repository.uploading import Upload, files_to_upload
from modelwatch.repository.verifying import Condition, Verified

_UNSAFE_IN_FOLDER = re.compile(r'[/\\<>:"|?*\x00-\x1f\ud800-\udfff]')


def add_to(subparsers: Subparsers) -> None:
    """Add the three commands."""
    parser = add_parser(
        subparsers,
        "upload",
        text="Upload a file or a folder as a new version of a model.",
        examples="  modelwatch models upload ./export --name digits\n"
        "  modelwatch models upload model.onnx --name digits --modelType ONNX --modelSummary '{\"accuracy\": 0.98}' --notes 'by hand'",
    )
    parser.add_argument("path", metavar="PATH", type=Path, help="the file or folder; .git, .idea and caches in it are left out")
    parser.add_argument("--name", metavar="NAME", help="the model's name; the file's or folder's own when absent")
    parser.add_argument(
        "--modelType", "--model-type", dest="upload_type", metavar="TYPE", help="Tensorflow, ONNX or Custom; recognised when absent"
    )
    parser.add_argument("--modelSummary", "--model-summary", dest="upload_summary", metavar="JSON", help="what to say about it")
    parser.add_argument("--notes", dest="upload_notes", metavar="TEXT", default="", help="free text")
    parser.add_argument(
        "--tag", dest="upload_tags", metavar="TAG", action="append", default=[], help="tag the model; repeat for several"
    )
    parser.set_defaults(handle=_upload)

    parser = add_parser(
        subparsers,
        "download",
        text="Download a version's files, each checked against its digest.",
        examples="  modelwatch models download digits\n"
        "  modelwatch models download digits --version 3 --destination ./here --file model.ckpt-3.index",
    )
    add_model(parser)
    add_version(parser, text="the version")
    parser.add_argument(
        "--destination",
        "--destinationDir",
        "--destination-dir",
        metavar="DIR",
        type=Path,
        help="the folder to write to; NAME-VERSION here when absent",
    )
    parser.add_argument(
        "--file", dest="files", metavar="PATH", nargs="+", action="extend", default=[], help="only these files or folders"
    )
    parser.add_argument("--force", action="store_true", help="replace files that have other content")
    parser.set_defaults(handle=on_repository(_download))

    parser = add_parser(
        subparsers,
        "verify",
        text="Check whether a version's files are still what was registered; returns 65 when they are not.",
        examples="  modelwatch models verify digits --version 3",
    )
    add_model(parser)
    add_version(parser, text="the version")
    parser.set_defaults(handle=on_repository(_verify))


def _upload(arguments: argparse.Namespace) -> int:
    settings = settings_of(arguments)
    model_type = _model_type(arguments.upload_type)
    summary = _summary(arguments.upload_summary)
    files = files_to_upload(arguments.path)
    root = arguments.path.resolve()
    folder = root if root.is_dir() else root.parent
    recognised = recognise(folder, [file.path for file in files], model_type)
    told = recognised.told
    request = Upload(
        team=settings.team,
        model=root.name if arguments.name is None else arguments.name,
        root=root.name,
        folder=str(folder),
        files=files,
        model_type=recognised.model_type,
        summary=summary,
        notes=arguments.upload_notes,
        step=told.step if told else None,
        epoch=told.epoch if told else None,
        metadata=told.metadata if told else None,
    )
    if not request.model:
        raise UsageError("a model needs a name", hint="give one with --name")
    with opened(settings, create=True) as repository:
        with output.progress("uploading", sum(file.size for file in files)) as advance:
            receipt = repository.upload(request, advance=advance)
        if arguments.upload_tags:
            repository.tag(request.model, arguments.upload_tags)
        uploaded = repository.version(request.model, receipt.version)
    model, version = uploaded.model, uploaded.version
    if arguments.json:
        output.print_json({"model": model_json(model), "version": version_json(version)})
    else:
        size = output.size(version.size)
        print(
            f"uploaded {output.printable(model.name)} version {version.number}, {counted(len(files), 'file')}, {size}, id {model.id}"
        )
    return 0


def _model_type(text: str | None) -> ModelType | None:
    try:
        return None if text is None else ModelType.parse(text)
    except ValueError as error:
        raise UsageError(f"--modelType: {error}") from error


def _summary(text: str | None) -> JsonValue:
    try:
        return None if text is None else json.loads(text)
    except ValueError as error:
        raise UsageError(
            f"--modelSummary is not JSON: {error}", hint="for example --modelSummary '{\"accuracy\": 0.98}'"
        ) from error


def _download(repository: TeamRepository, arguments: argparse.Namespace) -> int:
    found = repository.version(arguments.model, arguments.version)
    model, version = found.model, found.version
    entries = select(found.manifest, tuple(arguments.files))
    destination = arguments.destination or Path(_folder_name(found))
    with output.progress("downloading", sum(entry.size for entry in entries)) as advance:
        done = download(repository.content(found), entries, destination, force=arguments.force, advance=advance)
    if arguments.json:
        output.print_json(_downloaded_json(found, destination, done))
    else:
        kept = f", {len(done.kept)} there already" if done.kept else ""
        where = output.printable(str(destination))
        print(
            f"downloaded {output.printable(model.name)} version {version.number} to {where}: {counted(len(done.written), 'file')}{kept}"
        )
    return 0


def _folder_name(found: FoundVersion) -> str:
    """Return a name for a folder of this version that is one component on every system, and not hidden."""
    return f"{_UNSAFE_IN_FOLDER.sub('_', found.model.name)[:100].lstrip('. ') or 'model'}-{found.version.number}"


def _downloaded_json(found: FoundVersion, destination: Path, done: Downloaded) -> JsonValue:
    return {
        "model": found.model.name,
        "version": found.version.number,
        "destination": str(destination.absolute()),
        "written": [entry.path for entry in done.written],
        "kept": [entry.path for entry in done.kept],
    }


def _verify(repository: TeamRepository, arguments: argparse.Namespace) -> int:
    found = repository.version(arguments.model, arguments.version)
    with output.progress("verifying", found.version.size) as advance:
        files = list(repository.verify(found, advance=advance))
    if arguments.json:
        output.print_json({"version": found.version.number, "files": [_verified_json(file) for file in files]})
    else:
        rows = [(file.entry.path, file.condition.value, file.location) for file in files]
        output.table(("path", "state", "where"), rows)
    return 0 if all(file.condition is Condition.UNCHANGED for file in files) else PermanentError.exit_code


def _verified_json(file: Verified) -> JsonValue:
    return {**file.entry.to_json(), "state": file.condition.value, "location": file.location}
