"""
The tensor bundle, TensorFlow's checkpoint format V2: ``X.index`` and ``X.data-00000-of-00001``.

The index is an SSTable. The empty key holds a BundleHeaderProto; every other key is a tensor's name, or a slice of a partitioned one,
with a BundleEntryProto: type, shape, place and masked CRC-32C of its bytes. The data files are the bytes of the tensors and nothing
else. tensorflow/core/util/tensor_bundle/tensor_bundle.h and tensor_bundle.proto.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from typing import Final, Literal

from modelwatch.core.files import RegularFile
from modelwatch.formats.tensorflow import tensor_types
from modelwatch.formats.wire import crc, protobuf
from modelwatch.formats.wire.protobuf import Malformed
from modelwatch.formats.wire.sstable import Table

OBJECT_GRAPH_KEY: Final = b"_CHECKPOINTABLE_OBJECT_GRAPH"
"""The tensor that only tf.train.Checkpoint and its relatives write, never the name-based Saver."""

_CHUNK_BYTES: Final = 4 << 20
_SMALL_CHUNK_BYTES: Final = 64 << 10


@dataclass(frozen=True, slots=True)
class Tensor:
    """
    One entry of an index.

    Attributes:
        key: Its name, or the encoded name and extent of a slice.
        dtype: TensorFlow's number of the data type.
        shape: Sizes; empty for a scalar. None where the entry holds no known shape.
        shard: Number of the data file.
        offset: Where its bytes begin in the data file.
        size: How many bytes.
        checksum: Masked CRC-32C of them.
        partitioned: Whether the bytes stand with slices instead, which are entries of their own.
    """

    key: bytes
    dtype: int
    shape: tuple[int, ...] | None
    shard: int
    offset: int
    size: int
    checksum: int
    partitioned: bool

    @property
    def is_slice(self) -> bool:
        """Whether this is part of a partitioned tensor."""
        return self.key.startswith(b"\0")

    @property
    def name(self) -> str:
        """The key as text."""
        return self.key.decode("utf-8", "replace")

    @property
    def elements(self) -> int:
        """How many elements the shape has; 0 when it is not known."""
        return 0 if self.shape is None else math.prod(self.shape)


@dataclass(frozen=True, slots=True)
class Index:
    """
    What an ``.index`` file says.

    Attributes:
        shards: How many data files there are.
        byteorder: Of the tensors' bytes.
        tensors: In order of key.
    """

    shards: int
    byteorder: Literal["little", "big"]
    tensors: tuple[Tensor, ...]

    @property
    def is_object_based(self) -> bool:
        """Whether tf.train.Checkpoint or one of its relatives wrote it, not the name-based Saver."""
        return any(tensor.key == OBJECT_GRAPH_KEY for tensor in self.tensors)

    def shard_sizes(self) -> dict[int, int]:
        """Return the exact size of each data file that holds anything."""
        sizes: dict[int, int] = {}
        for tensor in self.tensors:
            sizes[tensor.shard] = max(sizes.get(tensor.shard, 0), tensor.offset + tensor.size)
        return sizes


def shard_path(prefix: str, shard: int, shards: int) -> str:
    """Return the path of one data file of the bundle `prefix`."""
    return f"{prefix}.data-{shard:05d}-of-{shards:05d}"


def read_index(file: RegularFile) -> Index:
    """
    Read an ``.index`` file, all of it, every checksum compared.

    Raises:
        Malformed: It is cut off, damaged or no index of a bundle.
    """
    entries = Table(file).entries()
    key, header = next(entries, (b"\0", b""))
    if key != b"":
        raise Malformed("the index has no header")
    shards, byteorder = _header(header)
    tensors = tuple(_entry(key, value, shards) for key, value in entries)
    _refuse_overlaps(tensors)
    return Index(shards, byteorder, tensors)


def mismatch(file: RegularFile, tensor: Tensor) -> str:
    """
    Return why the bytes of `tensor` in its data file are not those that the index describes, or an empty string.

    Reads in pieces of at most 4 MiB.
    """
    if tensor.partitioned or not tensor.size:
        return ""
    try:
        total = _CHECKSUMS.get(tensor.dtype, _plain_checksum)(file, tensor)
    except Malformed as finding:
        return f"tensor {tensor.name!r}: {finding}"
    return "" if crc.masked(total) == tensor.checksum else f"tensor {tensor.name!r}: the checksum does not match"


def read_integer(file: RegularFile, tensor: Tensor, byteorder: Literal["little", "big"]) -> int | None:
    """Return the value of a tensor of one whole number, or None if it is anything else or cut off."""
    if (
        tensor.elements != 1
        or tensor.partitioned
        or tensor_types.type_name(tensor.dtype) not in {"int32", "int64", "uint32", "uint64"}
    ):
        return None
    data = file.read_at(tensor.offset, tensor.size)
    if len(data) != tensor_types.element_bytes(tensor.dtype):
        return None
    return int.from_bytes(data, byteorder, signed=not tensor_types.type_name(tensor.dtype).startswith("u"))


def _header(data: bytes) -> tuple[int, Literal["little", "big"]]:
    shards = 1
    byteorder: Literal["little", "big"] = "little"
    for field in protobuf.fields(data):
        if field.number == 1:
            shards = protobuf.signed(field)
        elif field.number == 2 and protobuf.integer(field):
            byteorder = "big"
    if shards < 1:
        raise Malformed(f"the header tells of {shards} data files")
    return shards, byteorder


def _entry(key: bytes, value: bytes, shards: int) -> Tensor:
    numbers = dict.fromkeys((1, 3, 4, 5, 6), 0)
    shape: tuple[int, ...] | None = ()
    partitioned = False
    for field in protobuf.fields(value):
        if field.number in numbers:
            numbers[field.number] = protobuf.signed(field)
        elif field.number == 2:
            shape = tensor_types.shape(value, field)
        elif field.number == 7:
            partitioned = True
    dtype, shard, offset, size, checksum = numbers.values()
    tensor = Tensor(key, dtype, shape, shard, offset, size, checksum, partitioned)
    if not 0 <= shard < shards or offset < 0 or size < 0 or any(length < 0 for length in shape or ()):
        raise Malformed(f"tensor {tensor.name!r} has a place or shape that cannot be")
    width = tensor_types.element_bytes(dtype)
    if width is not None and shape is not None and not partitioned and size != width * tensor.elements:
        raise Malformed(f"tensor {tensor.name!r} has {size} bytes, its shape says {width * tensor.elements}")
    return tensor


def _refuse_overlaps(tensors: tuple[Tensor, ...]) -> None:
    """Writers never share bytes between tensors; so reading all tensors costs no more than reading all files."""
    end: dict[int, int] = {}
    for tensor in sorted(tensors, key=lambda tensor: tensor.offset):
        if not tensor.size:
            continue
        if tensor.offset < end.get(tensor.shard, 0):
            raise Malformed(f"tensor {tensor.name!r} shares bytes with another one")
        end[tensor.shard] = tensor.offset + tensor.size


# ----------------------------------------------------------------------------------------------------------------- checksums


class _Bytes:
    """The bytes of one tensor, front to back."""

    def __init__(self, file: RegularFile, tensor: Tensor) -> None:
        self._file = file
        self._position = tensor.offset
        self._end = tensor.offset + tensor.size
        self._buffer = b""
        self._used = 0

    @property
    def left(self) -> int:
        """How many bytes have not been given yet."""
        return self._end - self._position + len(self._buffer) - self._used

    def varint(self) -> int:
        """Give the next varint."""
        if len(self._buffer) - self._used < 10:
            self._buffer = self._buffer[self._used :] + self._read(_SMALL_CHUNK_BYTES)
            self._used = 0
        value, self._used = protobuf.varint(self._buffer, self._used, len(self._buffer))
        return value

    def checksum(self, total: int, size: int) -> int:
        """Give nothing but extend the checksum `total` by the next `size` bytes."""
        if size > self.left:
            raise Malformed("a length reaches past the tensor's end")
        piece = self._buffer[self._used : self._used + size]
        self._used += len(piece)
        total = crc.extend(total, piece)
        size -= len(piece)
        while size:
            piece = self._read(min(size, _CHUNK_BYTES))
            if not piece:
                raise Malformed("the data file has become shorter")
            total = crc.extend(total, piece)
            size -= len(piece)
        return total

    def _read(self, size: int) -> bytes:
        data = self._file.read_at(self._position, min(size, self._end - self._position))
        self._position += len(data)
        return data


def _plain_checksum(file: RegularFile, tensor: Tensor) -> int:
    return _Bytes(file, tensor).checksum(0, tensor.size)


def _string_checksum(file: RegularFile, tensor: Tensor) -> int:
    """
    Return the checksum of a tensor of strings.

    On disk: each length as varint, a masked checksum of the lengths, the strings. The checksum takes the lengths as fixed32, or
    fixed64 where one does not fit.
    """
    source = _Bytes(file, tensor)
    if tensor.elements > tensor.size:
        raise Malformed("more strings than bytes")
    total = length_sum = 0
    packed = bytearray()
    for _ in range(tensor.elements):
        length = source.varint()
        packed += struct.pack("<I" if length < 1 << 32 else "<Q", length)
        length_sum += length
        if len(packed) >= _SMALL_CHUNK_BYTES:
            total = crc.extend(total, bytes(packed))
            packed.clear()
    total = crc.extend(total, bytes(packed))
    if source.left != length_sum + 4:
        raise Malformed("the strings do not fill the tensor")
    return source.checksum(total, source.left)


def _variant_checksum(file: RegularFile, tensor: Tensor) -> int:
    """
    Return the checksum of a tensor of variants.

    On disk, per element: its length as varint, the encoded element, a masked checksum so far. The checksum takes the length as fixed64.
    """
    source = _Bytes(file, tensor)
    if tensor.elements > tensor.size:
        raise Malformed("more elements than bytes")
    total = 0
    for _ in range(tensor.elements):
        length = source.varint()
        total = source.checksum(crc.extend(total, struct.pack("<Q", length)), length + 4)
    if source.left:
        raise Malformed("the elements do not fill the tensor")
    return total


_CHECKSUMS: Final = {tensor_types.STRING: _string_checksum, tensor_types.VARIANT: _variant_checksum}
