"""
LevelDB's immutable table, which TensorFlow keeps checkpoint indices (V2) and whole checkpoints (V1) in.

    data block … | metaindex block | index block | footer of 48 bytes

Each block is followed by a byte for its compression and a masked CRC-32C. The index block holds, per data block, a key not less than
the block's last one and the block's place. The footer is written last and ends in a magic number.
https://github.com/google/leveldb/blob/main/doc/table_format.md

TensorFlow's writer puts no filter blocks and leaves no gaps, so here the blocks must fill the file exactly: a file that is cut or
continued anywhere is `Malformed`, and no byte escapes the checksums.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from modelwatch.core.files import RegularFile
from modelwatch.formats.wire import crc, snappy
from modelwatch.formats.wire.protobuf import Malformed, varint

_MAGIC: Final = 0xDB4775248B80FB57
_FOOTER_BYTES: Final = 48
_TRAILER_BYTES: Final = 5  # compression and checksum behind each block
_CHUNK_BYTES: Final = 4 << 20
_BLOCK_LIMIT_BYTES: Final = 16 << 20  # to hold in memory; TensorFlow begins a new block after 256 KiB
_KEY_LIMIT_BYTES: Final = 8 << 10  # keys share prefixes: without a limit their total could be the square of the block's size
_RAW, _SNAPPY = 0, 1


@dataclass(frozen=True, slots=True)
class Block:
    """
    The place of a block.

    Attributes:
        offset: Where it begins in the file.
        size: Bytes without its trailer.
    """

    offset: int
    size: int

    @property
    def end(self) -> int:
        """Where the next block begins."""
        return self.offset + self.size + _TRAILER_BYTES


class Table:
    """
    An SSTable, open for reading. Construction reads the footer, the index block and the (empty) metaindex block.

    Args:
        file: Stays the caller's to close.

    Raises:
        Malformed: The end of the file is not that of a table, or the blocks do not fill the file.
    """

    def __init__(self, file: RegularFile) -> None:
        self._file = file
        footer_offset = file.size - _FOOTER_BYTES
        footer = file.read_at(max(0, footer_offset), _FOOTER_BYTES)
        if len(footer) < _FOOTER_BYTES or struct.unpack_from("<Q", footer, _FOOTER_BYTES - 8)[0] != _MAGIC:
            raise Malformed("no SSTable footer at the end")
        metaindex, position = _handle(footer, 0)
        index, _ = _handle(footer, position)
        if index.end != footer_offset:
            raise Malformed("the index block does not end at the footer")
        self.blocks: tuple[tuple[bytes, Block], ...] = tuple((key, _handle(value, 0)[0]) for key, value in self._items(index))
        expected = 0
        for block in (*(block for _, block in self.blocks), metaindex, index):
            if block.offset != expected:
                raise Malformed(f"a block at {block.offset} where {expected} was expected")
            expected = block.end
        self._read(metaindex)

    def entries(self) -> Iterator[tuple[bytes, bytes]]:
        """Give every key and value in order. Raises `Malformed` at the first block that fails its checksum."""
        for _, block in self.blocks:
            yield from self._items(block)

    def find(self, prefix: bytes, *, limit_bytes: int) -> bytes | None:
        """
        Return the value of the first key that begins with `prefix`, or None.

        A block of more than `limit_bytes` is not read: the answer is then None too. Raises `Malformed` as `entries`.
        """
        for last_key, block in self.blocks:
            if last_key < prefix:
                continue
            if block.size > limit_bytes:
                return None
            for key, value in self._items(block):
                if key.startswith(prefix):
                    return value
                if key > prefix:
                    return None
        return None

    def verify(self) -> None:
        """Read every byte, in chunks, and compare every checksum. Raises `Malformed` at the first difference."""
        for _, block in self.blocks:
            total = 0
            position = block.offset
            end = block.offset + block.size + 1  # the compression byte is covered too
            while position < end:
                chunk = self._file.read_at(position, min(_CHUNK_BYTES, end - position))
                if not chunk:
                    raise Malformed("the table has become shorter")
                total = crc.extend(total, chunk)
                position += len(chunk)
            if self._file.read_at(end, 4) != crc.masked(total).to_bytes(4, "little"):
                raise Malformed(f"the checksum of the block at {block.offset} does not match")

    def _items(self, block: Block) -> Iterator[tuple[bytes, bytes]]:
        data = self._read(block)
        restarts = struct.unpack_from("<I", data, len(data) - 4)[0] if len(data) >= 4 else len(data)
        end = len(data) - 4 - 4 * restarts
        if end < 0:
            raise Malformed(f"the block at {block.offset} has no room for its restart points")
        key = b""
        position = 0
        while position < end:
            shared, position = varint(data, position, end)
            unshared, position = varint(data, position, end)
            length, position = varint(data, position, end)
            if shared > len(key) or shared + unshared > _KEY_LIMIT_BYTES or position + unshared + length > end:
                raise Malformed(f"an entry reaches out of the block at {block.offset}")
            key = key[:shared] + data[position : position + unshared]
            position += unshared
            yield key, data[position : position + length]
            position += length

    def _read(self, block: Block) -> bytes:
        if block.end > self._file.size:
            raise Malformed(f"a block reaches to {block.end}, past the end of the file")
        if block.size > _BLOCK_LIMIT_BYTES:
            raise Malformed(f"a block of {block.size} bytes")
        raw = self._file.read_at(block.offset, block.size + _TRAILER_BYTES)
        if len(raw) != block.size + _TRAILER_BYTES:
            raise Malformed("the table has become shorter")
        body, compression = raw[: block.size], raw[block.size]
        if crc.masked(crc.extend(0, raw[: block.size + 1])).to_bytes(4, "little") != raw[block.size + 1 :]:
            raise Malformed(f"the checksum of the block at {block.offset} does not match")
        if compression == _SNAPPY:
            return snappy.decompress(body, limit_bytes=_BLOCK_LIMIT_BYTES)
        if compression != _RAW:
            raise Malformed(f"unknown compression {compression}")
        return body


def _handle(data: bytes, position: int) -> tuple[Block, int]:
    offset, position = varint(data, position, len(data))
    size, position = varint(data, position, len(data))
    return Block(offset, size), position
