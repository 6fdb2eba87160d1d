"""
Undoing Snappy, the compression of SSTable blocks.

https://github.com/google/snappy/blob/main/format_description.txt
"""

from __future__ import annotations

from modelwatch.formats.wire.protobuf import Malformed, varint


def decompress(data: bytes, *, limit_bytes: int) -> bytes:
    """
    Return the original of a raw Snappy stream.

    Raises:
        Malformed: It is not one, or its original is longer than `limit_bytes`.
    """
    length, position = varint(data, 0, len(data))
    if length > limit_bytes:
        raise Malformed(f"a compressed block of {length} bytes, more than {limit_bytes}")
    out = bytearray()
    while position < len(data) and len(out) <= length:
        tag = data[position]
        position += 1
        if tag & 3 == 0:
            count, position = _literal_length(data, tag, position)
            if position + count > len(data):
                raise Malformed("a compressed block is cut off")
            out += data[position : position + count]
            position += count
        else:
            position = _copy(data, tag, position, out)
    if len(out) != length or position != len(data):
        raise Malformed("a compressed block has the wrong length")
    return bytes(out)


def _literal_length(data: bytes, tag: int, position: int) -> tuple[int, int]:
    short = tag >> 2
    if short < 60:
        return short + 1, position
    width = short - 59
    return int.from_bytes(data[position : position + width], "little") + 1, position + width


def _copy(data: bytes, tag: int, position: int, out: bytearray) -> int:
    """Append what a copy element refers to and return the position after the element."""
    width = (1, 1, 2, 4)[tag & 3]
    offset = int.from_bytes(data[position : position + width], "little")
    if tag & 3 == 1:
        length = (tag >> 2 & 7) + 4
        offset |= tag >> 5 << 8
    else:
        length = (tag >> 2) + 1
    if not 0 < offset <= len(out):
        raise Malformed("a compressed block refers to bytes before its beginning")
    pattern = bytes(out[-offset:][:length])
    out += (pattern * (length // len(pattern) + 1))[:length]  # an offset shorter than the length repeats what it copies
    return position + width
