"""
TensorFlow checkpoints of format V1: one file without suffix, as ``model.ckpt-1000``, and its ``.meta``.

The default until TensorFlow 0.12, on request (``SaverDef.V1``) ever since. Renamed into place when whole. docs/formats/tensorflow.md.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from modelwatch.core.entities import Candidate, Checkpoint, ModelType, Verdict
from modelwatch.core.files import RegularFile
from modelwatch.core.json import JsonValue
from modelwatch.core.tree import FileTree, join
from modelwatch.formats.base import Evidence
from modelwatch.formats.temporary import is_temporary
from modelwatch.formats.tensorflow import bundle_check, graph_file, tensor_slices
from modelwatch.formats.tensorflow.counters import progress
from modelwatch.formats.tensorflow.tensor_bundle import Index
from modelwatch.formats.wire.protobuf import Malformed, varint
from modelwatch.formats.wire.sstable import Table

_NUMBERED: Final = re.compile(r"(?:.*[-_.])?ckpt-\d+", re.ASCII | re.DOTALL)
"""Names that are enough alone: ``X.ckpt`` without a number is how PyTorch Lightning calls its files."""

_WITH_GRAPH: Final = re.compile(r"[^.]+|.*ckpt(?:-\d+)?", re.ASCII | re.DOTALL)
"""Names that are enough beside a ``.meta``."""

_HEAD_BYTES: Final = 16


class TensorFlowCheckpointV1:
    """The format. See `modelwatch.formats.base.Format`."""

    name = "tensorflow-checkpoint-v1"
    title = "TensorFlow checkpoint (V1)"
    model_type = ModelType.TENSORFLOW
    evidence = Evidence.PROOF

    def find(self, tree: FileTree) -> Iterator[Candidate]:
        """Give every file that is called like one, or nearly so with a ``.meta`` beside it, and has no ``.index``."""
        for directory, listing in tree.directories.items():
            for name in sorted(listing.files):
                meta = listing.files.get(graph_file.graph_path(name))
                usual = _NUMBERED.fullmatch(name) or (meta is not None and _WITH_GRAPH.fullmatch(name))
                if not usual or f"{name}.index" in listing.files:
                    continue
                path = join(directory, name)
                if not is_temporary(path):
                    members = (listing.files[name],) if meta is None else (listing.files[name], meta)
                    yield Candidate(self.name, path, members, gathered=True)

    def inspect(self, folder: str, candidate: Candidate, *, deep: bool) -> Verdict:
        """Judge: the blocks fill the file up to its footer; deep, every block's checksum matches."""
        try:
            with RegularFile(Path(folder, candidate.root)) as file:
                if not _begins_like_a_table(file.read_at(0, _HEAD_BYTES)):
                    return Verdict.foreign("does not begin like an SSTable")
                return self._judge(folder, candidate, file, deep=deep)
        except Malformed as finding:
            return Verdict.incomplete(str(finding))
        except OSError as error:
            return Verdict.incomplete(f"cannot be read: {error}")

    def hardlink_safe(self, path: str) -> bool:
        """Return True: both files are renamed into place."""
        del path  # every member is
        return True

    def _judge(self, folder: str, candidate: Candidate, file: RegularFile, *, deep: bool) -> Verdict:
        table = Table(file)
        tensors = tensor_slices.read_tensors(table)
        if deep:
            table.verify()
        graph = graph_file.read(folder, candidate, checkpoint_mtime_ns=file.stat().st_mtime_ns)
        counters = {} if tensors is None else tensor_slices.read_counters(table, tensors)
        at = progress(counters, candidate.root.rpartition("/")[2])
        metadata: dict[str, JsonValue] = {} if tensors is None else bundle_check.describe(Index(1, "little", tensors), counters)
        metadata |= {"bytes": file.size, "step_source": at.step_source}
        if graph.graph is not None:
            metadata["graph"] = graph.graph.to_json()
        return Verdict.complete(
            Checkpoint(
                format=self.name,
                model_type=self.model_type,
                root=candidate.root,
                members=(candidate.root, *graph.members),
                step=at.step,
                epoch=at.epoch,
                metadata=metadata,
                awaited=graph.awaited,
            )
        )


def _begins_like_a_table(head: bytes) -> bool:
    """
    Return whether `head` may be the beginning of a V1 checkpoint: its first key is empty, so the first block begins with two zeros.

    A compressed block has its length and a literal's tag before them. An empty file may become anything.
    """
    if not head or head.startswith(b"\0\0"):
        return True
    try:
        _, position = varint(head, 0, len(head))
    except Malformed:
        return False
    tag = head[position] if position < len(head) else 1
    if tag & 3:
        return False
    position += 1 + max(0, (tag >> 2) - 59)
    return head[position : position + 2] == b"\0\0"
