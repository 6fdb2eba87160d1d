"""
Object headers of HDF5 files, versions 1 and 2: the list of messages that says what an object is.

Work is bounded, whatever the bytes say: by the number of reads and of bytes read.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

from modelwatch.formats.wire.byte_source import ByteSource, read_exactly
from modelwatch.formats.wire.hdf5 import UNDEFINED
from modelwatch.formats.wire.protobuf import Malformed

DATASPACE, LINK_INFO, DATATYPE, LINK, LAYOUT, ATTRIBUTE = 0x01, 0x02, 0x03, 0x06, 0x08, 0x0C
CONTINUATION, SYMBOL_TABLE, ATTRIBUTE_INFO = 0x10, 0x11, 0x15
SHARED: Final = 2
"""Message flag: the body is somewhere else."""

_HEADER_LIMIT_BYTES: Final = 16 << 20
_READ_LIMIT: Final = 1_000_000
_READ_LIMIT_BYTES: Final = 256 << 20


class Uncharted(Exception):  # noqa: N818 - not an error: a part of HDF5 that this reader leaves alone
    """A feature that is not understood here."""


class MeteredFile:
    """
    A file that may be read only so often: damaged and hostile files lead in circles.

    Args:
        source: The file.

        base: What its addresses count from.
    """

    def __init__(self, source: ByteSource, base: int) -> None:
        self._source = source
        self._reads_left = _READ_LIMIT
        self._bytes_left = _READ_LIMIT_BYTES
        self.base = base
        self.size = source.size

    def read(self, address: int, size: int, what: str) -> bytes:
        """
        Return exactly `size` bytes from `address`; `what` they are is for messages.

        Raises:
            Malformed: They are not all there.

            Uncharted: The limit is reached.
        """
        self._reads_left -= 1
        self._bytes_left -= size
        if self._reads_left < 0 or self._bytes_left < 0:
            raise Uncharted("more structure than is looked at")
        return read_exactly(self._source, self.base + address, size, what)


@dataclass(frozen=True, slots=True)
class Message:
    """
    One message of an object header.

    Attributes:
        kind: Its type, for example `LAYOUT`.
        flags: See `SHARED`.
        body: What it says.
    """

    kind: int
    flags: int
    body: bytes


def read_object(file: MeteredFile, address: int) -> list[Message]:
    """
    Return the messages of the object header at `address`.

    Raises:
        Malformed: There is none, or it is damaged.

        Uncharted: It is larger than is looked at.
    """
    head = file.read(address, 16, "an HDF5 object")
    if head[:4] == b"OHDR":
        return _read_object_v2(file, address, head)
    if head[0] != 1:
        raise Malformed("no HDF5 object header where a link points")
    count, _, size = struct.unpack_from("<HLL", head, 2)
    messages: list[Message] = []
    budget = _HEADER_LIMIT_BYTES
    blocks = [(address + 16, size)]
    while blocks and len(messages) < count:
        start, size = blocks.pop(0)
        budget -= size
        if budget < 0:
            raise Uncharted("a very large object header")
        block = file.read(start, size, "an HDF5 object header")
        position = 0
        while position + 8 <= size and len(messages) < count:
            kind, length, flags = struct.unpack_from("<HHB", block, position)
            position += 8
            if position + length > size:
                raise Malformed("an HDF5 header message reaches past its block")
            body = block[position : position + length]
            messages.append(Message(kind, flags, body))
            if kind == CONTINUATION:
                blocks.append(struct.unpack_from("<QQ", body))
            position += length
    return messages


def _read_object_v2(file: MeteredFile, address: int, head: bytes) -> list[Message]:
    flags = head[5]
    position = 6 + (16 if flags & 0x20 else 0) + (4 if flags & 0x10 else 0)
    width = 1 << (flags & 3)
    size = int.from_bytes(file.read(address + position, width, "an HDF5 object header"), "little")
    messages: list[Message] = []
    budget = _HEADER_LIMIT_BYTES
    blocks = [(address + position + width, size)]
    message_head = 6 if flags & 4 else 4
    while blocks:
        start, size = blocks.pop(0)
        budget -= size + 1
        if budget < 0:
            raise Uncharted("a very large object header")
        block = file.read(start, size, "an HDF5 object header")
        position = 0
        while position + message_head <= size:
            kind, length, message_flags = struct.unpack_from("<BHB", block, position)
            position += message_head
            if position + length > size:
                break  # a gap at the end of the block, shorter than a message
            body = block[position : position + length]
            messages.append(Message(kind, message_flags, body))
            if kind == CONTINUATION:
                offset, length_of_block = struct.unpack_from("<QQ", body)
                if file.read(offset, 4, "an HDF5 header continuation") != b"OCHK":
                    raise Malformed("no HDF5 header continuation where a header points")
                blocks.append((offset + 4, max(0, length_of_block - 8)))  # between the signature and the checksum
            position += length
    return messages


def uses_heap(messages: list[Message], kind: int) -> bool:
    """Return whether the link or attribute info message says that a fractal heap is used."""
    for message in messages:
        if message.kind == kind:
            flags = message.body[1]
            skip = 2 + ((8 if kind == LINK_INFO else 2) if flags & 1 else 0)
            return bool(struct.unpack_from("<Q", message.body, skip)[0] != UNDEFINED)
    return False
