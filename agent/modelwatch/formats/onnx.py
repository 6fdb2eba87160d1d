"""
ONNX models: one ``.onnx`` file, and the files beside it that hold its tensors when they are too large for it.

``onnx.save`` writes the model in place in one go, after its data files. Nothing in it says that it is complete but its structure: the
operator sets come after the graph. docs/formats/onnx.md tells how the rules were established.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from modelwatch.core.entities import Candidate, Checkpoint, ModelType, Verdict
from modelwatch.core.files import RegularFile
from modelwatch.core.json import JsonValue
from modelwatch.core.tree import Directory, FileStat, FileTree, join
from modelwatch.formats.base import Evidence
from modelwatch.formats.companions import STATE_NAME, is_event_file
from modelwatch.formats.names import step_and_epoch
from modelwatch.formats.temporary import is_temporary
from modelwatch.formats.wire.onnx_model import Model, Value, read_model
from modelwatch.formats.wire.protobuf import Malformed, Window

_DATA_SUFFIXES: Final = (".data", ".weight", ".weights", ".bias", ".bin", ".raw")
_DATA_FOLDER_NAMES: Final = ("data", "weights", "external", "external_data", "tensors")
_LOOSE_MODELS_LIMIT: Final = 16
_LOOSE_DATA_LIMIT: Final = 2000
"""In a folder of more models or possible data files, data must carry its model's name. It keeps the search linear in the number of files."""

_OPERATORS_SHOWN: Final = 20
_COUNT_LIMIT: Final = 1 << 63


class Onnx:
    """ONNX models."""

    name = "onnx"
    title = "ONNX model"
    model_type = ModelType.ONNX
    evidence = Evidence.QUIET

    def find(self, tree: FileTree) -> Iterator[Candidate]:
        """Give every ``.onnx`` file, with the files that could hold its tensors: which do is said in the model."""
        for directory, listing in tree.directories.items():
            models = [
                stat
                for name, stat in listing.files.items()
                if name.endswith(".onnx") and name != ".onnx" and not is_temporary(stat.path)
            ]
            if not models:
                continue
            others = _possible_data(tree, directory, listing)
            loose = others if len(models) <= _LOOSE_MODELS_LIMIT and len(others) <= _LOOSE_DATA_LIMIT else []
            named = {model.path: [model] for model in models}
            if not loose:
                for stat in others:
                    owner = join(directory, f"{stat.name.partition('.onnx')[0]}.onnx")
                    if owner in named:
                        named[owner].append(stat)
            for path, members in named.items():
                yield Candidate(self.name, path, tuple(sorted([*members, *loose])))

    def inspect(self, folder: str, candidate: Candidate, *, deep: bool) -> Verdict:  # noqa: ARG002 - ONNX has no checksums
        """Judge the model's structure, and that the files with its tensors are there, long enough and not newer."""
        try:
            with RegularFile(Path(folder, candidate.root)) as file:
                model = read_model(Window(file))
                written_ns = file.stat().st_mtime_ns
        except (OSError, Malformed) as error:
            return Verdict.incomplete(str(error))
        if not model.has_graph or model.ir_version is None or not model.opset:
            return Verdict.incomplete("no graph, version or operator set (yet)")
        paths = {location: _member_path(candidate.root, location) for location in model.external}
        outside = sorted(location for location, path in paths.items() if path is None)
        if outside:
            return Verdict.corrupt(f"the model's tensors are outside its folder: {outside[0]!r}")
        needed = {path: model.external[location] for location, path in sorted(paths.items()) if path is not None}
        newer = ""
        for path, size in needed.items():
            try:
                modified_ns = _require_data(folder, candidate, path, size)
            except (OSError, Malformed) as error:
                return Verdict.incomplete(str(error))
            newer = path if modified_ns > written_ns else newer
        checkpoint = _checkpoint(self.name, candidate.root, needed, model)
        return Verdict.out_of_order(f"{newer} is newer than the model", checkpoint) if newer else Verdict.complete(checkpoint)

    def hardlink_safe(self, path: str) -> bool:  # noqa: ARG002 - the same for every member
        """Return False: models are written in place, and data files even appended to."""
        return False


def _possible_data(tree: FileTree, directory: str, listing: Directory) -> list[FileStat]:
    """Return the files in and below `directory` that could hold tensors: named after a model, like a tensor, or for what they are."""
    below = [
        stat
        for name in tree.subdirectories_of(directory)
        if name in _DATA_FOLDER_NAMES or ".onnx" in name
        for stat in tree.files_in(join(directory, name)).values()
    ]
    return [stat for stat in (*listing.files.values(), *below) if _could_be_data(stat)]


def _could_be_data(stat: FileStat) -> bool:
    name = stat.name
    if name.startswith(".") or name.endswith(".onnx") or name == STATE_NAME or is_event_file(name) or is_temporary(stat.path):
        return False
    return ".onnx" in name or "." not in name or name.endswith(_DATA_SUFFIXES)


def _member_path(root: str, location: str) -> str | None:
    """Return the tree's path of a location that the model at `root` names, or None if it leaves the model's folder."""
    if location.startswith("/") or "\\" in location or "\0" in location or ".." in location.split("/"):
        return None
    return join(root.rpartition("/")[0], posixpath.normpath(location))


def _require_data(folder: str, candidate: Candidate, path: str, size: int) -> int:
    """Return the modification time in nanoseconds of a data file. Raise OSError or `Malformed` if it is not there or shorter than `size`."""
    if path not in candidate.paths:
        raise Malformed(f"{path} is not there (yet)")
    with RegularFile(Path(folder, path)) as file:
        if file.size < size:
            raise Malformed(f"{path} has {file.size} bytes, the model needs {size}")
        return file.stat().st_mtime_ns


def _checkpoint(format_name: str, root: str, data: Iterable[str], model: Model) -> Checkpoint:
    step, epoch = step_and_epoch(root.rpartition("/")[2])
    told_step, told_epoch = _count(model, "step", "global_step", "iteration"), _count(model, "epoch")
    facts: dict[str, JsonValue] = {
        "ir_version": model.ir_version,
        "opset": model.opset,
        "producer": " ".join(model.producer),
        "inputs": [_describe(value) for value in model.inputs],
        "outputs": [_describe(value) for value in model.outputs],
        "operators": dict(model.operators.most_common(_OPERATORS_SHOWN)),
        "nodes": model.operators.total(),
        "initializers": model.initializers,
        "properties": model.properties,
    }
    if model.parameters < _COUNT_LIMIT:
        facts["parameters"] = model.parameters
    return Checkpoint(
        format_name,
        ModelType.ONNX,
        root,
        tuple(sorted({root, *data})),
        step if told_step is None else told_step,
        epoch if told_epoch is None else told_epoch,
        facts,
    )


def _describe(value: Value) -> JsonValue:
    return {"name": value.name, "dtype": value.dtype, "shape": None if value.shape is None else list(value.shape)}


def _count(model: Model, *keys: str) -> int | None:
    """Return the first of the model's own properties that is a count."""
    for key in keys:
        text = model.properties.get(key, "").strip()
        if text.isascii() and text.isdigit() and len(text) <= 18:
            return int(text)
    return None
