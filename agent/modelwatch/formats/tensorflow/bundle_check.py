"""
Whether the files of a tensor bundle belong together: the rule that checkpoints and SavedModels share.

Whole: the index is whole, every data file that it names is there and exactly as long as the tensors in it need. In order: no data file
is younger than the index, which is written after them; a younger one is the next save under the same name, or a copy that did not keep
times. A deep check compares the checksum of every tensor, and then the order no longer matters.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from modelwatch.core.files import RegularFile
from modelwatch.core.json import JsonValue
from modelwatch.formats.tensorflow import tensor_bundle, tensor_types
from modelwatch.formats.tensorflow.counters import is_counter, plain_name
from modelwatch.formats.tensorflow.tensor_bundle import Index, Tensor

_VARIABLES_LIMIT: Final = 1000
_NOT_PARAMETERS: Final = (
    "/.OPTIMIZER_SLOT/",
    "optimizer/_variables/",
    "optimizer/_learning_rate",
    "/ExponentialMovingAverage",
    "_power",
)
_SLOTS: Final = frozenset({"Adam", "AdaMax", "Momentum", "RMSProp", "Adagrad", "Adadelta", "Ftrl", "Nadam"})


@dataclass(frozen=True, slots=True)
class Bundle:
    """
    What a check of a bundle found.

    Attributes:
        members: Paths of the index and of the data files that it names, as far as the check came.
        problem: Why it is not whole, or an empty string.
        damaged: Whether the files are all there, in order, and yet not what the index describes.
        out_of_order: The data file that is younger than the index, or an empty string. Always empty when checksums proved the content.
        index_mtime_ns: Modification time of the index.
        index: What it says, or None when it could not be read.
        counters: Values of the counters in it, by name.
    """

    members: tuple[str, ...]
    problem: str = ""
    damaged: bool = False
    out_of_order: str = ""
    index_mtime_ns: int = 0
    index: Index | None = None
    counters: Mapping[str, int] = field(default_factory=dict)


def check(folder: str, prefix: str, *, deep: bool) -> Bundle:
    """
    Check the bundle `prefix`, a path relative to `folder`.

    Raises:
        Malformed: The index is cut off or damaged.

        OSError: A file is missing or cannot be read.
    """
    index_path = f"{prefix}.index"
    with RegularFile(Path(folder, index_path)) as file:
        index = tensor_bundle.read_index(file)
        index_mtime_ns = file.stat().st_mtime_ns
    by_shard: dict[int, list[Tensor]] = {}
    for tensor in index.tensors:
        by_shard.setdefault(tensor.shard, []).append(tensor)
    sizes = index.shard_sizes()
    members = [index_path]
    counters: dict[str, int] = {}
    younger = mismatch = ""
    for shard in range(index.shards):
        path = tensor_bundle.shard_path(prefix, shard, index.shards)
        with RegularFile(Path(folder, path)) as file:
            if file.size != sizes.get(shard, 0):
                return Bundle(tuple(members), f"{path} has {file.size} bytes, its index says {sizes.get(shard, 0)}")
            if file.stat().st_mtime_ns > index_mtime_ns:
                younger = younger or path
            tensors = sorted(by_shard.get(shard, ()), key=lambda tensor: tensor.offset)
            for tensor in tensors:
                if deep and not mismatch:
                    mismatch = tensor_bundle.mismatch(file, tensor)
                if is_counter(tensor.name):
                    value = tensor_bundle.read_integer(file, tensor, index.byteorder)
                    if value is not None:
                        counters[plain_name(tensor.name)] = value
        members.append(path)
    return Bundle(
        members=tuple(sorted(members)),
        problem=mismatch,
        damaged=bool(mismatch) and not younger,
        out_of_order="" if deep else younger,
        index_mtime_ns=index_mtime_ns,
        index=index,
        counters=counters,
    )


def describe(index: Index, counters: Mapping[str, int]) -> dict[str, JsonValue]:
    """Return what a bundle tells about itself, as JSON: its variables, their types, counts and sizes, and its counters."""
    whole = [tensor for tensor in index.tensors if not tensor.is_slice and tensor.key != tensor_bundle.OBJECT_GRAPH_KEY]
    return {
        "tensors": len(whole),
        "parameters": _parameters(whole),
        "bytes": sum(tensor.size for tensor in index.tensors),
        "dtypes": dict(sorted(Counter(tensor_types.type_name(tensor.dtype) for tensor in whole).items())),
        "data_files": index.shards,
        "object_based": index.is_object_based,
        "counters": dict(sorted(counters.items())),
        "variables": [_variable(tensor) for tensor in whole[:_VARIABLES_LIMIT]],
        "variables_left_out": max(0, len(whole) - _VARIABLES_LIMIT),
    }


def _variable(tensor: Tensor) -> JsonValue:
    return {
        "name": plain_name(tensor.name),
        "dtype": tensor_types.type_name(tensor.dtype),
        "shape": None if tensor.shape is None else list(tensor.shape),
    }


def _parameters(tensors: list[Tensor]) -> int:
    """Count the elements of all variables but counters, strings and what an optimizer keeps for itself."""
    names = {tensor.name for tensor in tensors}
    twice = any(name.startswith("variables/") for name in names)  # Keras 3 exports list every variable in _all_variables/ again
    return sum(
        tensor.elements
        for tensor in tensors
        if tensor_types.element_bytes(tensor.dtype) is not None
        and not is_counter(tensor.name)
        and not (twice and tensor.name.startswith("_all_variables/"))
        and not _is_optimizer_state(plain_name(tensor.name), names)
    )


def _is_optimizer_state(name: str, names: set[str]) -> bool:
    if any(part in name for part in _NOT_PARAMETERS):
        return True
    owner, _, last = name.rpartition("/")
    return last.partition("_")[0] in _SLOTS and owner in names  # TensorFlow 1: <variable>/Adam, <variable>/Adam_1
