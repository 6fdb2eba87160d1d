"""
TensorFlow's checkpoint format V1: one SSTable that holds names, shapes and values.

The empty key holds SavedTensorSlices.meta, the list of the tensors; every other key is a tensor's encoded name and extent, with the
values as a TensorProto. tensorflow/core/util/saved_tensor_slice.proto and saved_tensor_slice_util.cc.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from modelwatch.formats.tensorflow import tensor_types
from modelwatch.formats.tensorflow.counters import is_counter, plain_name
from modelwatch.formats.tensorflow.tensor_bundle import Tensor
from modelwatch.formats.wire import protobuf
from modelwatch.formats.wire.protobuf import Field, Malformed
from modelwatch.formats.wire.sstable import Table

_BLOCK_LIMIT_BYTES: Final = 8 << 20  # a larger block holds a large tensor, no counter
_INTEGER_FIELDS: Final = {"int32": 7, "int64": 10}
"""Field of TensorProto that holds the values, by type."""

_COUNTERS_LIMIT: Final = 64


def read_tensors(table: Table) -> tuple[Tensor, ...] | None:
    """
    Return the tensors that the table lists, in its order, or None when its first block is too large to look into.

    The place and checksum of each are empty: the values stand in the table's entries.

    Raises:
        Malformed: It is damaged, or holds something other than tensors.
    """
    listing = table.find(b"", limit_bytes=_BLOCK_LIMIT_BYTES)
    if listing is None:
        return None
    metas = [field for field in protobuf.fields(listing) if field.number == 1]
    if not metas:
        raise Malformed("the table lists no tensors")
    return tuple(_tensor(listing, part) for meta in metas for part in protobuf.message(listing, meta) if part.number == 1)


def read_counters(table: Table, tensors: Sequence[Tensor]) -> dict[str, int]:
    """Return the values of the counters among `tensors`, by name. Raises `Malformed` where the table is damaged."""
    found: dict[str, int] = {}
    for tensor in tensors:
        number = _INTEGER_FIELDS.get(tensor_types.type_name(tensor.dtype))
        if number is None or tensor.elements != 1 or not is_counter(tensor.name) or len(found) >= _COUNTERS_LIMIT:
            continue
        value = table.find(b"\0" + tensor.key + b"\0\x01", limit_bytes=_BLOCK_LIMIT_BYTES)
        if value is not None:
            found.update({plain_name(tensor.name): integer for integer in _values(value, number)})
    return found


def _tensor(data: bytes, part: Field) -> Tensor:
    name = b""
    shape: tuple[int, ...] | None = ()
    dtype = 0
    for field in protobuf.message(data, part):
        if field.number == 1:
            name = protobuf.content(data, field, limit_bytes=field.value)
        elif field.number == 2:
            shape = tensor_types.shape(data, field)
        elif field.number == 3:
            dtype = protobuf.integer(field)
    tensor = Tensor(name, dtype, shape, shard=0, offset=0, size=0, checksum=0, partitioned=False)
    if any(length < 0 for length in shape or ()):
        raise Malformed(f"tensor {tensor.name!r} has a shape that cannot be")
    return tensor


def _values(data: bytes, number: int) -> Iterator[int]:
    """Give the integers of SavedTensorSlices.data.data."""
    for saved in protobuf.fields(data):
        if saved.number == 2:
            for tensor in protobuf.message(data, saved):
                if tensor.number == 3:
                    for field in protobuf.message(data, tensor):
                        if field.number == number:
                            yield from protobuf.packed(data, field, limit=1)
