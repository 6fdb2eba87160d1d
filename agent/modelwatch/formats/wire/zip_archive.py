"""
Zip archives, judged more strictly than `zipfile` does.

A writer ends an archive with its end record, so an archive is whole when that record ends exactly at the end of the file and leads
back to a directory and to members that lie one behind the other without overlapping. `zipfile` also accepts an archive with bytes
behind it, as an overwritten file has. Sizes are checked before anything is read or inflated.
The layout: https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from modelwatch.formats.wire.byte_source import ByteSource, read_exactly
from modelwatch.formats.wire.protobuf import Malformed

STORED: Final = 0
DEFLATED: Final = 8

_END: Final = struct.Struct("<4s4H2LH")
_END64_LOCATOR: Final = struct.Struct("<4sLQL")
_END64: Final = struct.Struct("<4sQ2H2L4Q")
_ENTRY: Final = struct.Struct("<4s6H3L5H2L")
_LOCAL: Final = struct.Struct("<4s5H3L2H")
_COMMENT_LIMIT_BYTES: Final = 0xFFFF
_DIRECTORY_LIMIT_BYTES: Final = 64 << 20
_CHUNK_BYTES: Final = 1 << 20
_INFLATED_LIMIT_RATIO: Final = 64
"""Weights hardly compress. An archive that inflates to more than 64 times its size plus 64 MiB is not inflated at all."""


@dataclass(frozen=True, slots=True)
class ZipMember:
    """
    One member of an archive.

    Attributes:
        name: As stored, with ``/``; never used as a path on disk.
        method: `STORED` or `DEFLATED`.
        compressed_size: Bytes in the archive.
        size: Bytes of its content.
        crc32: Of its content.
        offset: Where its bytes begin in the archive.
    """

    name: str
    method: int
    compressed_size: int
    size: int
    crc32: int
    offset: int


def read_members(source: ByteSource) -> tuple[ZipMember, ...]:
    """
    Return the members in the directory's order, every one known to lie inside the archive.

    Raises:
        Malformed: It is not an archive, or not a whole one.
    """
    directory_start, directory_size, count = _locate_directory(source)
    directory = read_exactly(source, directory_start, directory_size, "the zip directory")
    members = []
    position = 0
    while position < len(directory):
        member, position = _entry(source, directory, position, directory_start)
        members.append(member)
    if len(members) != count:
        raise Malformed(f"the zip directory holds {len(members)} members, its end record says {count}")
    end = 0
    for member in sorted(members, key=lambda member: (member.offset, member.compressed_size)):
        if member.offset < end:
            raise Malformed(f"the zip member {member.name!r} overlaps another")
        end = member.offset + member.compressed_size
    return tuple(members)


def verify(source: ByteSource, members: tuple[ZipMember, ...]) -> None:
    """
    Read every member and compare its length and CRC-32.

    Raises:
        Malformed: One differs, or the archive would inflate to absurd lengths.
    """
    wrong = wrong_checksums(source, members)
    if wrong:
        raise Malformed(f"the zip member {wrong[0]!r} does not match its checksum")


def wrong_checksums(source: ByteSource, members: tuple[ZipMember, ...]) -> tuple[str, ...]:
    """
    Return the names of the members whose content does not match its CRC-32.

    Raises:
        Malformed: A member's length is wrong, or the archive would inflate to absurd lengths.
    """
    inflated = sum(member.size for member in members if member.method == DEFLATED)
    if inflated > _INFLATED_LIMIT_RATIO * (source.size + (1 << 20)):
        raise Malformed(f"the zip archive of {source.size} bytes would inflate to {inflated} bytes")
    wrong = []
    for member in members:
        checksum = length = 0
        for chunk in _chunks(source, member):
            checksum = zlib.crc32(chunk, checksum)
            length += len(chunk)
        if length != member.size:
            raise Malformed(f"the zip member {member.name!r} has {length} bytes instead of {member.size}")
        if checksum != member.crc32:
            wrong.append(member.name)
    return tuple(wrong)


def content(source: ByteSource, member: ZipMember, *, limit_bytes: int) -> bytes:
    """
    Return a member's content.

    Raises:
        Malformed: It is longer than `limit_bytes`, or its length or CRC-32 is wrong.
    """
    if member.size > limit_bytes:
        raise Malformed(f"the zip member {member.name!r} has {member.size} bytes, more than {limit_bytes}")
    data = b"".join(_chunks(source, member))
    if len(data) != member.size or zlib.crc32(data) != member.crc32:
        raise Malformed(f"the zip member {member.name!r} does not match its checksum")
    return data


def _locate_directory(source: ByteSource) -> tuple[int, int, int]:
    """Return the directory's start, size and number of entries."""
    tail_start = max(0, source.size - _END.size - _COMMENT_LIMIT_BYTES)
    tail = source.read_at(tail_start, source.size - tail_start)
    at = tail.rfind(b"PK\5\6")
    while at >= 0 and (at + _END.size > len(tail) or at + _END.size + _END.unpack_from(tail, at)[7] != len(tail)):
        at = tail.rfind(b"PK\5\6", 0, at)
    if at < 0:
        raise Malformed("no zip end record at the end of the file")
    _, disk, first_disk, here, count, size, start, _ = _END.unpack_from(tail, at)
    end = tail_start + at
    if count == 0xFFFF or size == 0xFFFF_FFFF or start == 0xFFFF_FFFF:
        magic, _, end64, _ = _END64_LOCATOR.unpack(
            read_exactly(source, end - _END64_LOCATOR.size, _END64_LOCATOR.size, "the zip64 locator")
        )
        if magic == b"PK\6\7":
            end = end64
            record = _END64.unpack(read_exactly(source, end64, _END64.size, "the zip64 end record"))
            magic, _, _, _, disk, first_disk, here, count, size, start = record
            if magic != b"PK\6\6":
                raise Malformed("no zip64 end record where its locator points")
    if disk or first_disk or here != count:
        raise Malformed("a zip archive in several parts")
    if start + size != end:
        raise Malformed("the zip directory does not end at the end record")
    if size > _DIRECTORY_LIMIT_BYTES:
        raise Malformed(f"a zip directory of {size} bytes")
    return start, size, count


def _entry(source: ByteSource, directory: bytes, position: int, directory_start: int) -> tuple[ZipMember, int]:
    """Return the member of the directory entry at `position`, and the position behind the entry."""
    if position + _ENTRY.size > len(directory):
        raise Malformed("the zip directory is cut off")
    magic, _, _, flags, method, _, _, crc32, compressed, size, name_size, extra_size, comment_size, _, _, _, header = (
        _ENTRY.unpack_from(directory, position)
    )
    position += _ENTRY.size
    raw_name = directory[position : position + name_size]
    extra = directory[position + name_size : position + name_size + extra_size]
    position += name_size + extra_size + comment_size
    if magic != b"PK\1\2" or position > len(directory):
        raise Malformed("the zip directory is damaged")
    if flags & 1 or method not in {STORED, DEFLATED}:
        raise Malformed("a zip member is encrypted or compressed in an unknown way")
    name = raw_name.decode("utf-8", "replace")
    size, compressed, header = _zip64(extra, size, compressed, header)
    local = _LOCAL.unpack(read_exactly(source, header, _LOCAL.size, f"the header of zip member {name!r}"))
    offset = header + _LOCAL.size + local[9] + local[10]
    if local[0] != b"PK\3\4" or local[3] != method or source.read_at(header + _LOCAL.size, local[9]) != raw_name:
        raise Malformed(f"the zip member {name!r} is not where the directory says")
    if offset + compressed > directory_start or (method == STORED and compressed != size):
        raise Malformed(f"the zip member {name!r} reaches past the end of the members")
    return ZipMember(name, method, compressed, size, crc32, offset), position


def _zip64(extra: bytes, size: int, compressed: int, header: int) -> tuple[int, int, int]:
    """Return the three numbers, those that do not fit into 32 bits taken from the zip64 field of `extra`."""
    if 0xFFFF_FFFF not in {size, compressed, header}:
        return size, compressed, header
    position = 0
    while position + 4 <= len(extra):
        kind, length = struct.unpack_from("<2H", extra, position)
        if kind == 1:
            wide = [value for (value,) in struct.iter_unpack("<Q", extra[position + 4 : position + 4 + length // 8 * 8])]
            taken = [wide.pop(0) if value == 0xFFFF_FFFF and wide else value for value in (size, compressed, header)]
            return taken[0], taken[1], taken[2]
        position += 4 + length
    return size, compressed, header


def _chunks(source: ByteSource, member: ZipMember) -> Iterator[bytes]:
    """Give the member's content in pieces of at most 1 MiB; stops one piece after its declared size."""
    inflater = zlib.decompressobj(-zlib.MAX_WBITS) if member.method == DEFLATED else None
    position, end = member.offset, member.offset + member.compressed_size
    given = 0
    while position < end and given <= member.size:
        raw = source.read_at(position, min(_CHUNK_BYTES, end - position))
        if not raw:
            raise Malformed(f"the zip member {member.name!r} is cut off")
        position += len(raw)
        if inflater is None:
            yield raw
            continue
        while raw and given <= member.size and not inflater.eof:
            try:
                piece = inflater.decompress(raw, _CHUNK_BYTES)
            except zlib.error as error:
                raise Malformed(f"the zip member {member.name!r} cannot be inflated: {error}") from error
            given += len(piece)
            yield piece
            raw = inflater.unconsumed_tail
    if inflater is not None:
        yield inflater.flush()
