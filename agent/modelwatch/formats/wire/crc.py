"""
CRC-32C as TensorFlow and LevelDB use it: over the bytes, then masked.

A checksum of bytes that themselves hold checksums is weak, therefore stored checksums are rotated and shifted by a constant.
https://github.com/google/leveldb/blob/main/util/crc32c.h
"""

from __future__ import annotations

from typing import Final

import google_crc32c

_MASK_DELTA: Final = 0xA282EAD8


def extend(crc: int, data: bytes) -> int:
    """Return the checksum of what `crc` is the checksum of, followed by `data`. Begin with 0."""
    return int(google_crc32c.extend(crc, data))


def masked(crc: int) -> int:
    """Return the form in which `crc` is stored."""
    return ((crc >> 15 | crc << 17) + _MASK_DELTA) & 0xFFFF_FFFF
