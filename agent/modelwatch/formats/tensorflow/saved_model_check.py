"""
Whether the files of a SavedModel belong together.

Whole: the graph is whole, the bundle of the variables is (`bundle_check`), the assets that the graph names are there, the fingerprint is
of these variables. In order: no file is younger than the one written after it. Writers overwrite an export file by file, so a younger
file may be the beginning of the next save, or a copy that did not keep times.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from modelwatch.core.entities import Candidate, Checkpoint, ModelType, Verdict
from modelwatch.core.files import RegularFile
from modelwatch.core.json import JsonValue
from modelwatch.core.tree import join
from modelwatch.formats.tensorflow import bundle_check, fingerprint, meta_graph, text_proto
from modelwatch.formats.tensorflow.bundle_check import Bundle
from modelwatch.formats.tensorflow.counters import progress
from modelwatch.formats.tensorflow.fingerprint import Fingerprint
from modelwatch.formats.tensorflow.meta_graph import MetaGraph
from modelwatch.formats.wire import protobuf
from modelwatch.formats.wire.farmhash import fingerprint64
from modelwatch.formats.wire.protobuf import Malformed, Window

_TEXT_LIMIT_BYTES: Final = 64 << 20
_FINGERPRINT_LIMIT_BYTES: Final = 64 << 10
_HASHED_INDEX_LIMIT_BYTES: Final = 16 << 20  # hashing takes 0.1 s per MiB; the index of 100,000 variables has 10 MiB
_FINGERPRINT_SINCE: Final = (2, 12)
_STEP_WORD: Final = re.compile(r"step|iter|ckpt|checkpoint", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Last:
    """The files written after the variables: what they say and when they were written."""

    graphs: list[MetaGraph]
    graph_mtime_ns: int
    fingerprint: Fingerprint | None
    fingerprint_mtime_ns: int
    keras_mtime_ns: int | None


def judge(name: str, model_type: ModelType, folder: str, candidate: Candidate, *, deep: bool) -> Verdict:
    """
    Judge the SavedModel `candidate` below `folder`.

    Args:
        name: Of the format.

        model_type: Of the format.

        folder: As for `modelwatch.formats.base.Format.inspect`.

        candidate: Its members are the only files looked at.

        deep: Whether to compare the checksum of every variable, and the fingerprint.

    Returns:
        The verdict.

    Raises:
        Malformed: A file is cut off or damaged.

        OSError: A file is missing or cannot be read.
    """
    root, paths = candidate.root, candidate.paths
    if not {join(root, "saved_model.pb"), join(root, "saved_model.pbtxt")} & paths:
        return Verdict.incomplete("there is no saved_model.pb yet")
    last = _read_last(folder, candidate)
    prefix = join(root, "variables/variables")
    bundle = None
    if any(path.startswith(f"{prefix}.") for path in paths) or any(
        graph.has_saver or graph.has_object_graph for graph in last.graphs
    ):
        bundle = bundle_check.check(folder, prefix, deep=deep)
        if bundle.problem:
            return (Verdict.corrupt if bundle.damaged else Verdict.incomplete)(bundle.problem)
        if not paths.issuperset(bundle.members):
            return Verdict.incomplete("its files have changed since the walk")
    asset_mtime_ns = 0
    for asset in sorted({join(root, f"assets/{asset}") for graph in last.graphs for asset in graph.assets}):
        if asset not in paths:
            return Verdict.incomplete(f"the asset {asset} is missing")
        with RegularFile(Path(folder, asset)) as file:
            asset_mtime_ns = max(asset_mtime_ns, file.stat().st_mtime_ns)
    belongs = _fingerprint_belongs(folder, prefix, last.fingerprint, bundle) if deep else None
    if belongs is False:
        return Verdict.incomplete("fingerprint.pb is of other variables")
    checkpoint = _checkpoint(name, model_type, candidate, last, bundle)
    out_of_order = next(_out_of_order(last, bundle, asset_mtime_ns, proven=belongs is True), "")
    return Verdict.out_of_order(out_of_order, checkpoint) if out_of_order else Verdict.complete(checkpoint)


def _read_last(folder: str, candidate: Candidate) -> _Last:
    root, paths = candidate.root, candidate.paths
    binary = join(root, "saved_model.pb")
    with RegularFile(Path(folder, binary if binary in paths else join(root, "saved_model.pbtxt"))) as file:
        if binary in paths:
            graphs = meta_graph.read_saved_model(Window(file))
        elif file.size > _TEXT_LIMIT_BYTES:
            raise Malformed(f"saved_model.pbtxt of {file.size} bytes is too large to read")
        else:
            graphs = text_proto.read_saved_model(file.read_at(0, file.size).decode("utf-8", "replace"))
        graph_mtime_ns = file.stat().st_mtime_ns
    found: Fingerprint | None = None
    fingerprint_mtime_ns = 0
    fingerprint_path = join(root, "fingerprint.pb")
    if fingerprint_path in paths:
        with RegularFile(Path(folder, fingerprint_path)) as file:
            found = fingerprint.read(file.read_at(0, _FINGERPRINT_LIMIT_BYTES))
            fingerprint_mtime_ns = file.stat().st_mtime_ns
    keras_mtime_ns = None
    keras_path = join(root, "keras_metadata.pb")
    if keras_path in paths:
        with RegularFile(Path(folder, keras_path)) as file:
            if not any(field.number == 1 for field in list(protobuf.fields(Window(file)))):
                raise Malformed("keras_metadata.pb tells of no Keras object")
            keras_mtime_ns = file.stat().st_mtime_ns
    return _Last(graphs, graph_mtime_ns, found, fingerprint_mtime_ns, keras_mtime_ns)


def _fingerprint_belongs(folder: str, prefix: str, found: Fingerprint | None, bundle: Bundle | None) -> bool | None:
    """Return whether the fingerprint is that of the variables' index, or None where that cannot be said."""
    if found is None or not found.checkpoint_hash or bundle is None:
        return None
    with RegularFile(Path(folder, f"{prefix}.index")) as file:
        if file.size > _HASHED_INDEX_LIMIT_BYTES:
            return None
        return fingerprint64(file.read_at(0, file.size)) == found.checkpoint_hash


def _out_of_order(last: _Last, bundle: Bundle | None, asset_mtime_ns: int, *, proven: bool) -> Iterator[str]:
    """
    Give every pair of files in an order that no finished save leaves.

    Args:
        last: The files written after the variables.

        bundle: The variables, or None when there are none.

        asset_mtime_ns: Of the youngest asset that the graph names.

        proven: Whether the fingerprint was seen to be of these variables: then their time does not matter.
    """
    if bundle is not None and bundle.out_of_order:
        yield f"{bundle.out_of_order} is younger than the index that describes it"
    if bundle is not None and not proven and bundle.index_mtime_ns > last.graph_mtime_ns:
        yield "the variables are younger than the graph"
    if asset_mtime_ns > last.graph_mtime_ns:
        yield "an asset is younger than the graph"
    if last.fingerprint is not None:
        if last.graph_mtime_ns > last.fingerprint_mtime_ns:
            yield "the graph is younger than fingerprint.pb"
    elif any(graph.has_object_graph and _version(graph) >= _FINGERPRINT_SINCE for graph in last.graphs):
        yield "fingerprint.pb, which this version of TensorFlow writes last, is missing"
    if last.keras_mtime_ns is not None and max(last.graph_mtime_ns, last.fingerprint_mtime_ns) > last.keras_mtime_ns:
        yield "the graph is younger than keras_metadata.pb"


def _version(graph: MetaGraph) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d{1,6}", graph.tensorflow_version)[:2])


def _checkpoint(name: str, model_type: ModelType, candidate: Candidate, last: _Last, bundle: Bundle | None) -> Checkpoint:
    root = candidate.root
    counters = {} if bundle is None else bundle.counters
    folder_name = root.rpartition("/")[2]
    at = progress(counters, folder_name)
    by_name_alone = at.step_source == "name" and not _STEP_WORD.search(folder_name)  # model-3 is a version, step-3 a step
    stale = {path for path in candidate.paths if path.startswith(join(root, "variables/variables."))} - set(
        bundle.members if bundle else ()
    )
    keras_path = join(root, "keras_metadata.pb")
    metadata: dict[str, JsonValue] = {} if bundle is None or bundle.index is None else bundle_check.describe(bundle.index, counters)
    metadata |= {
        "tensorflow_version": last.graphs[0].tensorflow_version,
        "graphs": [graph.to_json() for graph in last.graphs],
        "step_source": "" if by_name_alone else at.step_source,
    }
    if last.fingerprint is not None:
        metadata["fingerprint"] = last.fingerprint.to_json()
    if folder_name.isascii() and folder_name.isdecimal():
        metadata["version_folder"] = folder_name
    return Checkpoint(
        format=name,
        model_type=model_type,
        root=root,
        members=tuple(sorted(candidate.paths - stale)),
        step=None if by_name_alone else at.step,
        epoch=at.epoch,
        metadata=metadata,
        awaited=(keras_path,) if last.keras_mtime_ns is None and any(graph.has_keras_objects for graph in last.graphs) else (),
    )
