"""
Walking protocol buffers without their schema.

A walk reads headers and gives each field's place; payloads are sliced by whoever wants them. So a message of gigabytes costs as much
memory as the fields that are looked at. Lengths are checked against the enclosing message before anything is read: a length that is
wrong raises `Malformed` and allocates nothing. The encoding: https://protobuf.dev/programming-guides/encoding/
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final, NamedTuple, Protocol

from modelwatch.core.files import RegularFile

VARINT: Final = 0
FIXED64: Final = 1
LENGTH_DELIMITED: Final = 2
FIXED32: Final = 5

_VARINT_MAX_BYTES: Final = 10
_HEAD_BYTES: Final = 2 * _VARINT_MAX_BYTES  # a tag and the varint behind it
_WINDOW_BYTES: Final = 64 << 10
_TEXT_LIMIT_BYTES: Final = 64 << 10


class Malformed(ValueError):  # noqa: N818 - a finding about bytes, turned into a verdict, not a failure
    """The bytes are not what their format prescribes: cut off, damaged, or something else altogether."""


class Sliceable(Protocol):
    """Bytes that can be sliced: `bytes`, or a `Window` over a file."""

    def __len__(self) -> int:
        """Return how many bytes there are."""

    def __getitem__(self, span: slice, /) -> bytes:
        """Return the bytes of `span`, fewer where it passes the end."""


class Window:
    """
    A file as `Sliceable`, read in pieces of 64 KiB of which one is kept.

    Args:
        file: Stays the caller's to close.
    """

    def __init__(self, file: RegularFile) -> None:
        self._file = file
        self._start = 0
        self._bytes = b""

    def __len__(self) -> int:
        return self._file.size

    def __getitem__(self, span: slice, /) -> bytes:
        start, stop, _ = span.indices(self._file.size)
        if stop - start > _WINDOW_BYTES:
            return self._file.read_at(start, stop - start)
        offset = start - self._start
        if offset < 0 or stop - self._start > len(self._bytes):
            self._bytes = self._file.read_at(start, _WINDOW_BYTES)
            self._start = start
            offset = 0
        return self._bytes[offset : offset + max(0, stop - start)]


class Field(NamedTuple):
    """
    One field of a message.

    Attributes:
        number: The schema's field number, at least 1.
        wire_type: `VARINT`, `FIXED64`, `LENGTH_DELIMITED` or `FIXED32`.
        value: The number itself, unsigned, of a varint or fixed field; the payload's length of a length-delimited one.
        start: Where the payload begins in the data that was walked.
        end: Where it ends. Never past the enclosing message.
    """

    number: int
    wire_type: int
    value: int
    start: int
    end: int


def varint(data: bytes, position: int, end: int) -> tuple[int, int]:
    """
    Return the unsigned varint at `position` and the position after it.

    Raises:
        Malformed: It does not end before `end` or is longer than 64 bits allow.
    """
    end = min(end, len(data))
    if position < end and data[position] < 0x80:  # most are one byte
        return data[position], position + 1
    result = shift = 0
    while shift < 7 * _VARINT_MAX_BYTES:
        if position >= end:
            raise Malformed("a varint is cut off")
        byte = data[position]
        position += 1
        result |= (byte & 0x7F) << shift
        if byte < 0x80:
            return result & 0xFFFF_FFFF_FFFF_FFFF, position
        shift += 7
    raise Malformed("a varint of more than ten bytes")


def fields(data: Sliceable, start: int = 0, end: int | None = None) -> Iterator[Field]:
    """
    Give the fields of the message in ``data[start:end]``, in the order in which they stand.

    Raises:
        Malformed: A field is cut off, reaches past `end`, has number 0 or a wire type that no longer exists.
    """
    position = start
    stop = len(data) if end is None else min(end, len(data))
    whole = data if isinstance(data, bytes) else None
    while position < stop:
        if whole is not None:
            head, base, limit = whole, 0, stop
        else:
            head, base = data[position : min(position + _HEAD_BYTES, stop)], position
            limit = len(head)
        tag, used = varint(head, position - base, limit)
        number, wire_type = tag >> 3, tag & 7
        if number == 0:
            raise Malformed("field number 0")
        if wire_type == VARINT:
            value, after = varint(head, used, limit)
            field = Field(number, wire_type, value, base + used, base + after)
        elif wire_type == LENGTH_DELIMITED:
            value, after = varint(head, used, limit)
            field = Field(number, wire_type, value, base + after, base + after + value)
        elif wire_type in {FIXED64, FIXED32}:
            width = 8 if wire_type == FIXED64 else 4
            if limit < used + width:
                raise Malformed(f"field {number} is cut off")
            value = int.from_bytes(head[used : used + width], "little")
            field = Field(number, wire_type, value, base + used, base + used + width)
        else:
            raise Malformed(f"field {number} has wire type {wire_type}")
        if field.end > stop:
            raise Malformed(f"field {number} reaches {field.end - stop} bytes past the end of its message")
        yield field
        position = field.end


def message(data: Sliceable, field: Field) -> Iterator[Field]:
    """Give the fields of the message that `field` holds. Raises `Malformed` as `fields`, and if it cannot hold one."""
    _require_payload(field)
    return fields(data, field.start, field.end)


def content(data: Sliceable, field: Field, *, limit_bytes: int) -> bytes:
    """Return the payload of a length-delimited field. Raises `Malformed` if it is longer than `limit_bytes`, cut off or a number."""
    _require_payload(field)
    if field.value > limit_bytes:
        raise Malformed(f"field {field.number} holds {field.value} bytes, more than {limit_bytes}")
    payload = data[field.start : field.end]
    if len(payload) != field.value:
        raise Malformed(f"field {field.number} is cut off")
    return payload


def text(data: Sliceable, field: Field) -> str:
    """Return the first 64 KiB of a string field; bytes that are not UTF-8 become U+FFFD. Raises `Malformed` if it is a number."""
    _require_payload(field)
    return data[field.start : min(field.end, field.start + _TEXT_LIMIT_BYTES)].decode("utf-8", "replace")


def integer(field: Field) -> int:
    """Return an unsigned, enum or bool field's value. Raises `Malformed` if it is not a number."""
    if field.wire_type == LENGTH_DELIMITED:
        raise Malformed(f"field {field.number} holds bytes, not a number")
    return field.value


def signed(field: Field) -> int:
    """Return the value of an int32 or int64 field, which are two's complement in 64 bits. Raises `Malformed` as `integer`."""
    return to_signed(integer(field))


def to_signed(value: int) -> int:
    """Return the int64 whose two's complement is the unsigned `value`."""
    return value - (1 << 64) if value >> 63 else value


def float32(field: Field) -> float:
    """Return the value of a float field. Raises `Malformed` if it is not four bytes wide."""
    if field.wire_type != FIXED32:
        raise Malformed(f"field {field.number} is not a float")
    (value,) = struct.unpack("<f", field.value.to_bytes(4, "little"))
    return float(value)


def packed(data: Sliceable, field: Field, *, limit: int) -> list[int]:
    """
    Return the signed integers of one occurrence of a repeated int32 or int64 field, packed or not.

    Raises:
        Malformed: There are more than `limit`, or the field is cut off.
    """
    if field.wire_type == VARINT:
        return [to_signed(field.value)]
    payload = content(data, field, limit_bytes=limit * _VARINT_MAX_BYTES)
    values = []
    position = 0
    while position < len(payload):
        value, position = varint(payload, position, len(payload))
        values.append(to_signed(value))
    if len(values) > limit:
        raise Malformed(f"field {field.number} holds more than {limit} numbers")
    return values


def _require_payload(field: Field) -> None:
    if field.wire_type != LENGTH_DELIMITED:
        raise Malformed(f"field {field.number} holds a number, not bytes")
