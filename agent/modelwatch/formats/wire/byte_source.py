"""Bytes that can be read at any place: a file, a part of one, or a few bytes in memory."""

from __future__ import annotations

from typing import Protocol

from modelwatch.formats.wire.protobuf import Malformed


class ByteSource(Protocol):
    """Something of a known size that gives its bytes at any offset; `core.files.RegularFile` is one."""

    @property
    def size(self) -> int:
        """Bytes in all."""

    def read_at(self, offset: int, size: int) -> bytes:
        """Return up to `size` bytes from `offset`; fewer only at the end."""


class Span:
    """
    A part of another source.

    Args:
        source: What it is a part of.

        start: Where the part begins. Not negative.

        size: Bytes of the part. Reads never pass its end, even where the source goes on.
    """

    def __init__(self, source: ByteSource, start: int, size: int) -> None:
        self._source = source
        self._start = start
        self.size = size

    def read_at(self, offset: int, size: int) -> bytes:
        """Return up to `size` bytes from `offset`; fewer only at the end."""
        size = min(size, self.size - offset)
        return self._source.read_at(self._start + offset, size) if size > 0 else b""


class Memory:
    """Bytes in memory as a source."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self.size = len(content)

    def read_at(self, offset: int, size: int) -> bytes:
        """Return up to `size` bytes from `offset`; fewer only at the end."""
        return self._content[offset : offset + size]


def read_exactly(source: ByteSource, offset: int, size: int, what: str) -> bytes:
    """
    Return exactly `size` bytes from `offset`. Nothing is read or allocated when they cannot be there.

    Args:
        source: What to read.

        offset: Where.

        size: How many.

        what: What they are, for the message.

    Raises:
        Malformed: They are not all inside the source.
    """
    if offset < 0 or size < 0 or offset + size > source.size:
        raise Malformed(f"{what} reaches past the end of the file: {offset} + {size} of {source.size} bytes")
    data = source.read_at(offset, size)
    if len(data) != size:
        raise Malformed(f"{what} is cut off")
    return data
