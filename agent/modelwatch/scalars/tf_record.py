"""
The framing of TensorFlow's record files: every record carries its length, a checksum of the length and a checksum of its data.

    u64 length | u32 masked CRC-32C of those 8 bytes | data | u32 masked CRC-32C of the data        (all little-endian)

A length is believed only when its own checksum is right: it says where the next record begins.
The format: https://www.tensorflow.org/tutorials/load_data/tfrecord#tfrecords_format_details
"""

from __future__ import annotations

import functools
import re
import struct
from typing import Final

import google_crc32c

from modelwatch.core.files import RegularFile

HEADER: Final = struct.Struct("<QI")
FOOTER: Final = struct.Struct("<I")
HEADER_BYTES: Final = HEADER.size
OVERHEAD_BYTES: Final = HEADER.size + FOOTER.size

_LENGTH_LIMIT_BYTES: Final = 1 << 40
_PIECE_BYTES: Final = 1 << 20
_SCAN_BYTES: Final = 1 << 18
# A length below 4 GiB that is not zero. Zero bytes are what a lost page holds, and no event is empty.
_POSSIBLE_HEADER: Final = re.compile(rb"(?=.{4}\0{4}.{4})(?!\0{8})", re.DOTALL)


def mask(crc: int) -> int:
    """Return `crc` as it is stored: rotated and shifted, so that checksums of data that holds checksums stay good."""
    return (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF


def masked_crc32c(data: bytes) -> int:
    """Return the masked CRC-32C of `data`."""
    return mask(google_crc32c.value(data))


@functools.lru_cache(maxsize=4096)
def header_is_valid(length: int, checksum: int) -> bool:
    """Return whether `checksum` is that of `length`, and the length a possible one."""
    return length < _LENGTH_LIMIT_BYTES and masked_crc32c(length.to_bytes(8, "little")) == checksum


def data_is_valid(file: RegularFile, start: int, length: int) -> bool:
    """Return whether the data at `start` has the checksum that follows it. Reads it in pieces of 1 MiB and keeps none."""
    crc = 0
    position, end = start, start + length
    while position < end:
        piece = file.read_at(position, min(_PIECE_BYTES, end - position))
        if not piece:
            return False
        crc = google_crc32c.extend(crc, piece)
        position += len(piece)
    stored = file.read_at(end, FOOTER.size)
    return len(stored) == FOOTER.size and FOOTER.unpack(stored)[0] == mask(crc)


def find_record(file: RegularFile, start: int, size: int) -> int | None:
    """
    Return where the first record at or after `start` begins: how reading goes on after damage.

    A place counts when its length has the right checksum, and so has the length that follows that record, or the record reaches the
    end of the file. A chance hit needs two checksums to match.

    Args:
        file: The file to search.

        start: The first place to look at.

        size: Where the file ends.
    """
    while start + HEADER_BYTES <= size:
        window = file.read_at(start, min(_SCAN_BYTES, size - start))
        for match in _POSSIBLE_HEADER.finditer(window):
            length, checksum = HEADER.unpack_from(window, match.start())
            if not header_is_valid(length, checksum):
                continue
            record = start + match.start()
            successor = record + OVERHEAD_BYTES + length
            if successor + HEADER_BYTES > size or header_is_valid(*HEADER.unpack(file.read_at(successor, HEADER_BYTES))):
                return record
        if len(window) <= HEADER_BYTES:
            return None
        start += len(window) - HEADER_BYTES + 1
    return None
