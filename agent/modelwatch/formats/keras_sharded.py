"""
Sharded Keras weights: ``X.weights.json`` and ``X_00000.weights.h5``, ``X_00001.weights.h5``, ….

Keras writes the JSON file anew after each shard, valid each time. But its ``total_size`` already counts the tensor that is written next,
so that only the last JSON file counts exactly the bytes of the data sets that are there. docs/formats/keras.md has the measurements.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from modelwatch.core.entities import Candidate, Checkpoint, ModelType, Verdict
from modelwatch.core.files import RegularFile, read_whole
from modelwatch.core.json import JsonValue, loads
from modelwatch.core.tree import FileStat, FileTree, join
from modelwatch.formats.base import Evidence
from modelwatch.formats.hdf5 import SHARD
from modelwatch.formats.keras_config import describe_weights, is_count, read_iterations
from modelwatch.formats.names import step_and_epoch
from modelwatch.formats.temporary import is_temporary
from modelwatch.formats.wire.hdf5 import require_closed
from modelwatch.formats.wire.hdf5_objects import Contents, read_contents
from modelwatch.formats.wire.protobuf import Malformed

_SUFFIX: Final = ".weights.json"
_INDEX_LIMIT_BYTES: Final = 64 << 20


class KerasSharded:
    """Weights that ``model.save_weights("….weights.json", max_shard_size=…)`` writes."""

    name = "keras-sharded"
    title = "Keras sharded weights"
    model_type = ModelType.TENSORFLOW
    evidence = Evidence.PROOF

    def find(self, tree: FileTree) -> Iterator[Candidate]:
        """Give every ``.weights.json`` with its shards, and shards whose ``.weights.json`` is not there yet."""
        for directory, listing in tree.directories.items():
            members: dict[str, list[FileStat]] = defaultdict(list)
            for name, stat in listing.files.items():
                if not name.endswith((_SUFFIX, ".weights.h5")) or is_temporary(stat.path):
                    continue
                shard = SHARD.fullmatch(name)
                if shard is not None:
                    members[shard["stem"] + _SUFFIX].append(stat)
                elif name.endswith(_SUFFIX):
                    members[name].append(stat)
            for name in sorted(members):
                yield Candidate(self.name, join(directory, name), tuple(sorted(members[name])))

    def inspect(self, folder: str, candidate: Candidate, *, deep: bool) -> Verdict:  # noqa: ARG002 - there are no checksums to look at
        """Judge every shard as HDF5 and compare the bytes of all data sets with the index."""
        try:
            return self._judge(Path(folder), candidate)
        except FileNotFoundError as error:
            return Verdict.incomplete(f"not there (yet): {Path(error.filename).name}")
        except (OSError, Malformed, ValueError) as error:
            return Verdict.incomplete(str(error))

    def hardlink_safe(self, path: str) -> bool:  # noqa: ARG002 - the same for every member
        """Return False: Keras truncates and rewrites its files in place."""
        return False

    def _judge(self, folder: Path, candidate: Candidate) -> Verdict:
        index_path = folder / candidate.root
        index = loads(read_whole(index_path, limit_bytes=_INDEX_LIMIT_BYTES))
        total_bytes, names = _read_index(index)
        directory = candidate.root.rpartition("/")[0]
        listed = {join(directory, name) for name in names}
        there = {member.path: member for member in candidate.members}
        index_stat = there.get(candidate.root)
        for path in sorted(listed - there.keys()):
            return Verdict.incomplete(f"{path} is not there (yet)")
        for path in sorted(there.keys() - listed):
            if index_stat is not None and there[path].mtime_ns > index_stat.mtime_ns:
                return Verdict.incomplete(f"{path} is not in the index (yet)")  # an older one is left over from a larger save
        data_bytes = 0
        step: int | None = None
        newest_ns = 0
        merged = Contents()
        for path in sorted(listed):
            with RegularFile(folder / path) as file:
                contents = read_contents(file, require_closed(file))
                newest_ns = max(newest_ns, file.stat().st_mtime_ns)
                if contents.uncharted:
                    return Verdict.incomplete(f"{path} holds {', '.join(sorted(contents.uncharted))}")
                data_bytes += sum(dataset.elements * dataset.item_bytes for dataset in contents.datasets.values())
                merged.datasets.update({f"{name}@{path}": dataset for name, dataset in contents.datasets.items()})
                step = read_iterations(file, contents) if step is None else step
        if data_bytes != total_bytes:
            return Verdict.incomplete(f"the shards hold {data_bytes} bytes of {total_bytes}")
        named_step, epoch = step_and_epoch(Path(candidate.root).name, bare="epoch")
        checkpoint = Checkpoint(
            self.name,
            self.model_type,
            candidate.root,
            tuple(sorted([candidate.root, *listed])),
            named_step if step is None else step,
            epoch,
            {"shards": len(listed), "bytes": total_bytes} | describe_weights(merged),
        )
        if index_path.lstat().st_mtime_ns < newest_ns:
            return Verdict.out_of_order("a shard is newer than the index", checkpoint)
        return Verdict.complete(checkpoint)


def _read_index(index: JsonValue) -> tuple[int, set[str]]:
    """Return the bytes of all data sets and the shards' names. Raise ValueError when it is not an index."""
    try:
        total, weight_map = index["metadata"]["total_size"], index["weight_map"]
    except (TypeError, KeyError, IndexError):
        raise ValueError("no total_size or weight_map in the index") from None
    if not isinstance(total, (int, float)) or not is_count(total) or not isinstance(weight_map, Mapping):
        raise ValueError("a total_size or weight_map of the wrong type")
    names = [name for value in weight_map.values() for name in (value if isinstance(value, list) else [value])]
    if not names or not all(isinstance(name, str) and SHARD.fullmatch(name) and "/" not in name for name in names):
        raise ValueError("a shard's name that Keras does not write")
    return int(total), set(names)
