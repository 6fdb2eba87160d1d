"""SSTables made by hand, with right checksums, to test readers with."""

import struct

from protobuf_messages import varint

from modelwatch.formats.wire import crc


def block(body: bytes, compression: int = 0) -> bytes:
    """Return a block with its trailer."""
    covered = body + bytes([compression])
    return covered + struct.pack("<I", crc.masked(crc.extend(0, covered)))


def entries(*items: tuple[int, bytes, bytes]) -> bytes:
    """Return a block's body: entries of shared length, rest of the key and value, and one restart point."""
    coded = (varint(shared) + varint(len(rest)) + varint(len(value)) + rest + value for shared, rest, value in items)
    return b"".join(coded) + struct.pack("<II", 0, 1)


def handle(offset: int, body: bytes) -> bytes:
    """Return the place of a block."""
    return varint(offset) + varint(len(body))


def table(data: bytes, *, compression: int = 0) -> bytes:
    """Return a table with one data block."""
    metaindex = entries()
    index = entries((0, b"\xff", handle(0, data)))
    blocks = block(data, compression)
    metaindex_at = len(blocks)
    blocks += block(metaindex)
    index_at = len(blocks)
    blocks += block(index)
    footer = (handle(metaindex_at, metaindex) + handle(index_at, index)).ljust(40, b"\0")
    return blocks + footer + struct.pack("<Q", 0xDB4775248B80FB57)
