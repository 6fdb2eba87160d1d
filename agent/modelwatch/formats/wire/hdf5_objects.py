"""
What is inside an HDF5 file: groups, datasets' shapes and places, and simple attributes.

As much of HDF5 as Keras and h5py write by default and with `track_order`: object headers of both versions, symbol tables, links in
the header, contiguous and compact data, fixed and variable length strings. Groups and attributes kept in fractal heaps, chunked data
and shared messages are left alone: what was met and not understood is said, never guessed. Work is bounded, whatever the bytes say:
by the number of objects, of reads and of bytes read.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Final, Literal

from modelwatch.formats.wire.byte_source import ByteSource
from modelwatch.formats.wire.hdf5 import UNDEFINED, Superblock
from modelwatch.formats.wire.hdf5_headers import (
    ATTRIBUTE,
    ATTRIBUTE_INFO,
    DATASPACE,
    DATATYPE,
    LAYOUT,
    LINK,
    LINK_INFO,
    SHARED,
    SYMBOL_TABLE,
    Message,
    MeteredFile,
    Uncharted,
    read_object,
    uses_heap,
)
from modelwatch.formats.wire.protobuf import Malformed

_OBJECT_LIMIT: Final = 200_000
_NAME_LIMIT_BYTES: Final = 4096
_RANK_LIMIT: Final = 32  # HDF5's own
_HEAP_LIMIT_BYTES: Final = 16 << 20
_TREE_DEPTH_LIMIT: Final = 16
_TEXT_LIMIT_BYTES: Final = 16 << 20

TOLD_ATTRIBUTES: Final = frozenset({"backend", "keras_version", "layer_names", "model_config", "training_config"})
"""Keras's own. Others are not kept: lists of short texts take thirty times the memory that they take in the file."""

Kind = Literal["integer", "unsigned", "float", "string", "text", "other"]
"""``string`` is of fixed length, ``text`` of variable length."""

Attribute = str | int | tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Dataset:
    """
    One dataset.

    Attributes:
        shape: Its dimensions; empty for a scalar.
        kind: What its elements are.
        item_bytes: Bytes of one element.
        offset: Where its bytes are in the file, or None: not contiguous, or never written.
    """

    shape: tuple[int, ...]
    kind: Kind
    item_bytes: int
    offset: int | None

    @property
    def elements(self) -> int:
        """How many elements there are."""
        return math.prod(self.shape)


@dataclass(frozen=True, slots=True)
class Contents:
    """
    What was found in a file.

    Attributes:
        datasets: By path, without a leading slash.
        attributes: Those of `TOLD_ATTRIBUTES` of each group that has some, by the group's path; the root's path is empty.
        groups: Paths of all groups but the root.
        uncharted: What was not understood, for people; when empty, `datasets` and `groups` are all there are.
    """

    datasets: dict[str, Dataset] = field(default_factory=dict)
    attributes: dict[str, dict[str, Attribute]] = field(default_factory=dict)
    groups: set[str] = field(default_factory=set)
    uncharted: set[str] = field(default_factory=set)


def read_contents(source: ByteSource, superblock: Superblock) -> Contents:
    """
    Walk every group from the root.

    Args:
        source: The file.

        superblock: Its superblock.

    Raises:
        Malformed: Something is not where the file says it is.
    """
    contents = Contents()
    file = MeteredFile(source, superblock.base)
    seen: set[int] = set()
    pending = [("", superblock.root)]
    while pending:
        path, address = pending.pop()
        if address in seen:
            continue
        seen.add(address)
        if len(seen) + len(pending) > _OBJECT_LIMIT:
            contents.uncharted.add(f"more than {_OBJECT_LIMIT} objects")
            break
        try:
            pending.extend(_take_object(file, address, path, contents))
        except Uncharted as uncharted:
            contents.uncharted.add(str(uncharted))
        except (struct.error, IndexError) as error:
            raise Malformed(f"the HDF5 object {path!r} is damaged: {error}") from error
    return contents


def _take_object(file: MeteredFile, address: int, path: str, contents: Contents) -> list[tuple[str, int]]:
    """Add the object to `contents`; return the paths and addresses of what it links to."""
    messages = read_object(file, address)
    kinds = {message.kind for message in messages}
    attributes = dict(_attributes(file, messages))
    if attributes:
        contents.attributes[path] = attributes
    if uses_heap(messages, ATTRIBUTE_INFO):
        contents.uncharted.add("attributes in a fractal heap")
    if LAYOUT in kinds:
        contents.datasets[path] = _dataset(file, messages)
        return []
    if not kinds & {SYMBOL_TABLE, LINK_INFO, LINK, DATATYPE}:
        raise Malformed(f"the HDF5 object {path!r} is neither a group nor a dataset nor a type")
    if path:
        contents.groups.add(path)
    prefix = f"{path}/" if path else ""
    links = islice(_links(file, messages), _OBJECT_LIMIT + 1)
    return [(f"{prefix}{name}"[:_NAME_LIMIT_BYTES], child) for name, child in links]


def read_integer(source: ByteSource, dataset: Dataset | None) -> int | None:
    """Return the value of a scalar integer dataset, or None if it is not one (or its bytes are not there)."""
    if (
        dataset is None
        or dataset.kind not in {"integer", "unsigned"}
        or dataset.offset is None
        or dataset.elements != 1
        or dataset.item_bytes > 8
    ):
        return None
    raw = source.read_at(dataset.offset, dataset.item_bytes)
    if len(raw) != dataset.item_bytes or not raw:
        return None
    return int.from_bytes(raw, "little", signed=dataset.kind == "integer")


# -------------------------------------------------------------------------------------------------------------------- groups


def _links(file: MeteredFile, messages: list[Message]) -> Iterator[tuple[str, int]]:
    for message in messages:
        if message.kind == SYMBOL_TABLE:
            tree, heap = struct.unpack_from("<QQ", message.body)
            yield from _symbols(file, tree, heap)
        elif message.kind == LINK:
            link = _link(message.body)
            if link is not None:
                yield link
    if uses_heap(messages, LINK_INFO):
        raise Uncharted("a group in a fractal heap")


def _link(body: bytes) -> tuple[str, int] | None:
    flags = body[1]
    position = 2
    kind = 0
    if flags & 8:
        kind, position = body[position], position + 1
    position += (8 if flags & 4 else 0) + (1 if flags & 16 else 0)
    width = 1 << (flags & 3)
    length = int.from_bytes(body[position : position + width], "little")
    position += width
    name = body[position : position + length].decode("utf-8", "replace")
    if kind != 0:
        return None  # soft and external links are left out
    return name, struct.unpack_from("<Q", body, position + length)[0]


def _symbols(file: MeteredFile, tree: int, heap: int) -> Iterator[tuple[str, int]]:
    head = file.read(heap, 32, "an HDF5 heap")
    size, _, start = struct.unpack_from("<3Q", head, 8)
    if head[:4] != b"HEAP":
        raise Malformed("no HDF5 heap where a group points")
    if size > _HEAP_LIMIT_BYTES:
        raise Uncharted("a very large group")
    names = file.read(start, size, "an HDF5 heap")
    for node in _leaves(file, tree):
        leaf = file.read(node, 8, "an HDF5 symbol table")
        if leaf[:4] != b"SNOD":
            raise Malformed("no HDF5 symbol table where a tree points")
        count = struct.unpack_from("<H", leaf, 6)[0]
        entries = file.read(node + 8, 40 * count, "an HDF5 symbol table")
        for name_at, address, cached, _, _ in struct.iter_unpack("<QQLL16s", entries):
            end = names.find(b"\0", name_at, name_at + _NAME_LIMIT_BYTES)
            if end < 0:
                raise Malformed("an HDF5 name that does not end inside its heap")
            if cached != 2:  # 2: a soft link, whose address means nothing
                yield names[name_at:end].decode("utf-8", "replace"), address


def _leaves(file: MeteredFile, tree: int) -> Iterator[int]:
    """Give the addresses of the symbol tables below a B-tree of version 1."""
    pending = [(tree, _TREE_DEPTH_LIMIT)]
    seen: set[int] = set()
    while pending:
        address, depth = pending.pop()
        if address in seen or len(seen) > _OBJECT_LIMIT:
            raise Malformed("an HDF5 group tree that runs in circles")
        seen.add(address)
        head = file.read(address, 24, "an HDF5 group tree")
        kind, level, count = struct.unpack_from("<BBH", head, 4)
        if head[:4] != b"TREE" or kind != 0 or level >= depth:
            raise Malformed("no HDF5 group tree where a group points")
        body = file.read(address + 24, 16 * count, "an HDF5 group tree")
        children = [child for _, child in struct.iter_unpack("<QQ", body)]
        if level == 0:
            yield from children
        else:
            pending.extend((child, level) for child in reversed(children))


# ------------------------------------------------------------------------------------------------- datasets and attributes


def _shape(body: bytes) -> tuple[int, ...]:
    version, rank = body[0], body[1]
    if version not in {1, 2}:
        raise Uncharted(f"a dataspace of version {version}")
    if rank > _RANK_LIMIT:
        raise Malformed(f"an HDF5 shape of {rank} dimensions")
    if version == 2 and body[3] == 2:
        return (0,)  # null: no elements at all
    return struct.unpack_from(f"<{rank}Q", body, 8 if version == 1 else 4)


def _type(body: bytes) -> tuple[Kind, int]:
    """Return what an element is and its bytes."""
    kind, bits, size = body[0] & 15, body[1], struct.unpack_from("<L", body, 4)[0]
    if kind == 0:
        if bits & 1:
            return "other", size  # big-endian
        return ("integer" if bits & 8 else "unsigned"), size
    if kind == 9 and bits & 15 == 1:
        return "text", size
    return ("float" if kind == 1 else "string" if kind == 3 else "other"), size


def _dataset(file: MeteredFile, messages: list[Message]) -> Dataset:
    by_kind = {message.kind: message for message in messages}
    space, kind, layout = by_kind.get(DATASPACE), by_kind.get(DATATYPE), by_kind[LAYOUT]
    if space is None or kind is None:
        raise Malformed("an HDF5 dataset without a shape or a type")
    if SHARED & (space.flags | kind.flags | layout.flags):
        raise Uncharted("a dataset with a shared type")
    shape = _shape(space.body)
    element, item_bytes = _type(kind.body)
    offset = None
    version, layout_class = layout.body[0], layout.body[1]
    if version in {3, 4} and layout_class == 1:
        address, size = struct.unpack_from("<QQ", layout.body, 2)
        if address != UNDEFINED:
            offset = file.base + address
            if offset + size > file.size or size < math.prod(shape) * item_bytes:
                raise Malformed("an HDF5 dataset reaches past the end of the file")
    return Dataset(shape, element, item_bytes, offset)


def _attributes(file: MeteredFile, messages: list[Message]) -> Iterator[tuple[str, Attribute]]:
    for message in messages:
        if message.kind != ATTRIBUTE or message.flags & SHARED:
            continue
        body = message.body
        version, flags, name_size, type_size, space_size = struct.unpack_from("<BBHHH", body)
        if version not in {1, 2, 3} or (version > 1 and flags & 3):
            continue
        pad = 8 if version == 1 else 1
        position = 9 if version == 3 else 8
        name = body[position : position + name_size].rstrip(b"\0").decode("utf-8", "replace")
        if name not in TOLD_ATTRIBUTES:
            continue
        position += -(-name_size // pad) * pad
        kind, item_bytes = _type(body[position : position + type_size])
        position += -(-type_size // pad) * pad
        shape = _shape(body[position : position + space_size])
        position += -(-space_size // pad) * pad
        value = _attribute(file, kind, item_bytes, shape, body[position:])
        if value is not None:
            yield name, value


def _attribute(file: MeteredFile, kind: Kind, item_bytes: int, shape: tuple[int, ...], data: bytes) -> Attribute | None:
    """Return a scalar string or integer or a list of fixed strings; None for every other kind."""
    count = math.prod(shape)
    if item_bytes == 0 or count * item_bytes > len(data):
        return None
    if kind == "string":
        texts = tuple(
            data[at : at + item_bytes].rstrip(b"\0").decode("utf-8", "replace") for at in range(0, count * item_bytes, item_bytes)
        )
        return texts if shape else texts[0]
    if shape:
        return None
    if kind == "text":
        return _global_heap_text(file, data)
    if kind in {"integer", "unsigned"}:
        return int.from_bytes(data[:item_bytes], "little", signed=kind == "integer")
    return None


def _global_heap_text(file: MeteredFile, data: bytes) -> str | None:
    length, address, index = struct.unpack_from("<LQL", data)
    if length == 0 or index == 0:
        return ""
    if length > _TEXT_LIMIT_BYTES:
        return None
    start = file.base + address
    head = file.read(start, 16, "an HDF5 global heap")
    if head[:4] != b"GCOL":
        raise Malformed("no HDF5 global heap where an attribute points")
    end = start + struct.unpack_from("<Q", head, 8)[0]
    position = start + 16
    while position + 16 <= end:
        number, _, _, size = struct.unpack("<HHLQ", file.read(position, 16, "an HDF5 global heap"))
        if number == index:
            return file.read(position + 16, min(length, size), "an HDF5 string").decode("utf-8", "replace")
        if number == 0:
            return None
        position += 16 + -(-size // 8) * 8
    return None
