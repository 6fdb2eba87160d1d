"""
HDF5 files: whether one was closed, told by its superblock.

The library sets a flag in the superblock when it creates the file and clears it with the very last write of closing it. So a file
whose flag is clear and whose size is the one that the superblock names was closed whole. Measured with HDF5 1.10, 1.12, 1.14 and 2.0
over every on-disk state of a save: the flag is set in all torn states and clear in all whole ones.
The layout: https://support.hdfgroup.org/documentation/hdf5/latest/_f_m_t3.html
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

from modelwatch.formats.wire.byte_source import ByteSource, read_exactly
from modelwatch.formats.wire.protobuf import Malformed

SIGNATURE: Final = b"\x89HDF\r\n\x1a\n"
UNDEFINED: Final = 0xFFFF_FFFF_FFFF_FFFF
"""The address of something that is not there."""

_SUPERBLOCK_LIMIT_BYTES: Final = 128


@dataclass(frozen=True, slots=True)
class Superblock:
    """
    The part of a superblock that matters here.

    Attributes:
        version: 0 to 3.
        base: What every address in the file counts from.
        size: Bytes that the file has when it is closed.
        root: Address of the root group's object header.
        open_for_writing: The consistency flag: a writer has not closed the file.
    """

    version: int
    base: int
    size: int
    root: int
    open_for_writing: bool


def read_superblock(source: ByteSource) -> Superblock:
    """
    Return the superblock.

    Raises:
        Malformed: There is none at the start of the file, or one of a kind that is not written on today's machines.
    """
    head = source.read_at(0, _SUPERBLOCK_LIMIT_BYTES)
    if head[:8] != SIGNATURE:
        raise Malformed("no HDF5 signature")
    if len(head) < 96:
        raise Malformed("the HDF5 superblock is cut off")
    version = head[8]
    if version in {0, 1}:
        sizes, flags = head[13:15], struct.unpack_from("<L", head, 20)[0]
        base, _, end, _, _, root = struct.unpack_from("<6Q", head, 24 if version == 0 else 28)
    elif version in {2, 3}:
        sizes, flags = head[9:11], head[11]
        base, _, end, root = struct.unpack_from("<4Q", head, 12)
    else:
        raise Malformed(f"an HDF5 superblock of version {version}")
    if sizes != b"\x08\x08":
        raise Malformed("HDF5 addresses that are not 8 bytes wide")
    return Superblock(version, base, UNDEFINED if end == UNDEFINED else base + end, root, bool(flags & 1))


def require_closed(source: ByteSource) -> Superblock:
    """
    Return the superblock of a file that its writer has closed.

    Raises:
        Malformed: It is still open for writing, its size is not the one it was closed with, or its root is missing.
    """
    superblock = read_superblock(source)
    if superblock.open_for_writing:
        raise Malformed("the HDF5 file is open for writing: its consistency flag is set")
    if superblock.size != source.size:
        raise Malformed(f"the HDF5 file has {source.size} bytes, its superblock says {superblock.size}")
    head = read_exactly(source, superblock.base + superblock.root, 16, "the HDF5 root object")
    if head[:4] != b"OHDR" and head[:2] != b"\x01\x00":
        raise Malformed("no HDF5 root object where the superblock points")
    return superblock
