"""
TensorFlow checkpoints of format V2: what Saver, MonitoredTrainingSession, Estimator, tf.train.Checkpoint and CheckpointManager write.

``X.index``, ``X.data-i-of-n`` and, from TensorFlow 1, ``X.meta``. The ``checkpoint`` state file tells of many checkpoints and is part of
none. A bundle below a SavedModel's ``variables/`` belongs to the SavedModel. docs/formats/tensorflow.md.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from modelwatch.core.entities import Candidate, Checkpoint, ModelType, Verdict
from modelwatch.core.json import JsonValue
from modelwatch.core.tree import FileTree, join
from modelwatch.formats.base import Evidence
from modelwatch.formats.temporary import is_temporary
from modelwatch.formats.tensorflow import bundle_check, graph_file
from modelwatch.formats.tensorflow.counters import progress
from modelwatch.formats.wire.protobuf import Malformed

_DATA_FILE: Final = re.compile(r"(.+)\.data-\d{5}-of-(\d{5})", re.ASCII | re.DOTALL)


class TensorFlowCheckpoint:
    """The format. See `modelwatch.formats.base.Format`."""

    name = "tensorflow-checkpoint"
    title = "TensorFlow checkpoint"
    model_type = ModelType.TENSORFLOW
    evidence = Evidence.PROOF

    def find(self, tree: FileTree) -> Iterator[Candidate]:
        """Give every prefix that has a data file. An ``.index`` alone is somebody else's file, or one being deleted."""
        for directory, listing in tree.directories.items():
            data_files: dict[str, list[str]] = {}
            gathered: set[str] = set()
            for name in listing.files:
                match = _DATA_FILE.fullmatch(name)
                if match and not is_temporary(join(directory, name)) and not _in_saved_model(directory, match[1]):
                    names = data_files.setdefault(match[1], [])
                    names.append(name)
                    if len(names) == int(match[2]) and f"{match[1]}.index" in listing.files:
                        gathered.add(match[1])
            for prefix, names in sorted(data_files.items()):
                others = [name for name in (f"{prefix}.index", graph_file.graph_path(prefix)) if name in listing.files]
                members = tuple(listing.files[name] for name in sorted([*names, *others]))
                yield Candidate(self.name, join(directory, prefix), members, prefix in gathered)

    def inspect(self, folder: str, candidate: Candidate, *, deep: bool) -> Verdict:
        """Judge: see `modelwatch.formats.tensorflow.bundle_check` for the rule."""
        try:
            return self._judge(folder, candidate, deep=deep)
        except Malformed as finding:
            return Verdict.incomplete(str(finding))
        except OSError as error:
            return Verdict.incomplete(f"cannot be read: {error}")

    def hardlink_safe(self, path: str) -> bool:
        """Return True for data files and ``.meta``, which every writer renames into place; the index is written in place."""
        return not path.endswith(".index")

    def _judge(self, folder: str, candidate: Candidate, *, deep: bool) -> Verdict:
        bundle = bundle_check.check(folder, candidate.root, deep=deep)
        if bundle.problem:
            return (Verdict.corrupt if bundle.damaged else Verdict.incomplete)(bundle.problem)
        if bundle.index is None or not candidate.paths.issuperset(bundle.members):
            return Verdict.incomplete("its files have changed since the walk")
        graph = graph_file.read(folder, candidate, checkpoint_mtime_ns=bundle.index_mtime_ns)
        at = progress(bundle.counters, candidate.root.rpartition("/")[2])
        metadata: dict[str, JsonValue] = bundle_check.describe(bundle.index, bundle.counters)
        metadata["step_source"] = at.step_source
        if graph.graph is not None:
            metadata["graph"] = graph.graph.to_json()
        checkpoint = Checkpoint(
            format=self.name,
            model_type=self.model_type,
            root=candidate.root,
            members=tuple(sorted((*bundle.members, *graph.members))),
            step=at.step,
            epoch=at.epoch,
            metadata=metadata,
            awaited=() if bundle.index.is_object_based else graph.awaited,
        )
        if bundle.out_of_order:
            return Verdict.out_of_order(f"{bundle.out_of_order} is younger than the index that describes it", checkpoint)
        return Verdict.complete(checkpoint)


def _in_saved_model(directory: str, prefix: str) -> bool:
    """SavedModels, and they alone, keep a bundle called ``variables`` in a folder called ``variables``."""
    return prefix == "variables" and directory.rpartition("/")[2] == "variables"
