"""
Reading records of a form that was seen before: the hot path.

Writers send the same few forms of records over and over: only wall time, step and values differ. So the walk of `event.parse` is done
once for each form; from then on one `struct` call takes a record apart, comparing what must be equal proves that it has the form, and
the record that followed last time is tried first. Measured, a record with one value costs half of the walk (docs/formats/event-files.md).

A layout is the whole record: u64 length, u32 checksum, 0x09, wall time, [0x10, step], then constant bytes and 32-bit floats in turns,
u32 checksum. Equal constant bytes mean an equal structure, for every length and tag is among them.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from google_crc32c import value as crc32c

from modelwatch.scalars.event import Event
from modelwatch.scalars.series import Stream
from modelwatch.scalars.tf_record import HEADER_BYTES, OVERHEAD_BYTES

LEARNABLE_BYTES: Final = 1024
"""Longer records are not learned: their values are far between, and the constant bytes would be kept in memory."""

_WALL_TIME_KEY: Final = 0x09
_STEP_KEY: Final = 0x10
_STEP_AT: Final = HEADER_BYTES + 9
_SHAPES_PER_KEY: Final = 8
_TEMPLATES: Final = 4096

Unpack = Callable[[bytes, int], tuple[Any, ...]]


@dataclass(frozen=True, slots=True, eq=False)
class Template:
    """
    One form of record.

    Attributes:
        unpack: Takes the record apart: head, wall time, step bytes, constant, value, constant, …, checksum.
        size: Bytes of the record with its framing.
        head: The first 13 bytes.
        step_bytes: Bytes of the step's key and varint; 0 when the event has no step, which means step 0.
        constants: The constant pieces.
        tags: The tag of each value.
        plugins: Plug-in names by tag, as the record's metadata says.
    """

    unpack: Unpack
    size: int
    head: bytes
    step_bytes: int
    constants: tuple[bytes, ...]
    tags: tuple[str, ...]
    plugins: Mapping[str, str]


class Layout:
    """
    A template bound to the columns of one stream, and the layout that followed it last time.

    Attributes:
        template: The form.
        appenders: What adds to the columns, one triple for each value.
        successor: The layout of the record that came next when this one was last seen.
    """

    __slots__ = ("appenders", "successor", "template")

    def __init__(self, template: Template, stream: Stream) -> None:
        self.template = template
        self.appenders = [stream.of(tag).appenders() for tag in template.tags]
        self.successor: Layout | None = None


def _step_bytes(data: bytes, record: int) -> int:
    """Return how many bytes the step takes in the record at `record`; 0 when there is none."""
    if data[record + _STEP_AT] != _STEP_KEY:
        return 0
    begin = record + _STEP_AT + 1
    return next((used for used, byte in enumerate(data[begin : begin + 10], 2) if byte < 0x80), 0)


class Templates:
    """The forms seen so far, shared by all files: a new file of a known kind is read on the hot path from its first record."""

    __slots__ = ("_by_key", "_count")

    def __init__(self) -> None:
        self._by_key: dict[tuple[int, int], list[tuple[str, Unpack, dict[tuple[bytes, ...], Template]]]] = {}
        self._count = 0

    def find(self, data: bytes, record: int, length: int) -> Template | None:
        """Return the template of the whole record at `record`, whose data has `length` bytes, or None."""
        if length > LEARNABLE_BYTES or length < 12 or data[record + HEADER_BYTES] != _WALL_TIME_KEY:
            return None
        for _, unpack, templates in self._by_key.get((length, _step_bytes(data, record)), ()):
            template = templates.get(unpack(data, record)[3:-1:2])
            if template is not None:
                return template
        return None

    def learn(self, data: bytes, record: int, length: int, event: Event) -> Template | None:
        """
        Return the template of a record that was walked, or None if it cannot have one.

        Args:
            data: Holds the whole record.

            record: Where its framing begins in `data`.

            length: Bytes of its data.

            event: What `parse` made of it, with offsets in `data`.
        """
        values = event.values
        if (
            not values
            or length > LEARNABLE_BYTES
            or event.session is not None
            or event.others
            or data[record + HEADER_BYTES] != _WALL_TIME_KEY
            or any(value.offset < 0 for value in values)
            or self._count >= _TEMPLATES
        ):
            return None
        step_bytes = _step_bytes(data, record)
        position = record + _STEP_AT + step_bytes
        if data[position] != 0x2A:  # the summary follows at once: nothing else that could be another wall time or step
            return None
        end = record + HEADER_BYTES + length
        if not _is_last_field(data, position, end):
            return None
        pieces = [f"<13sd{step_bytes}s"]
        for value in values:
            if value.offset < position:
                return None
            pieces.append(f"{value.offset - position}sf")
            position = value.offset + 4
        pieces.append(f"{end - position}sI")
        layout = "".join(pieces)
        compiled = struct.Struct(layout)
        fields = compiled.unpack_from(data, record)
        template = Template(
            unpack=compiled.unpack_from,
            size=length + OVERHEAD_BYTES,
            head=fields[0],
            step_bytes=step_bytes,
            constants=fields[3:-1:2],
            tags=tuple(value.tag for value in values),
            plugins=dict(event.plugins),
        )
        self._keep(layout, template, length)
        return template

    def _keep(self, layout: str, template: Template, length: int) -> None:
        shapes = self._by_key.setdefault((length, template.step_bytes), [])
        for known, _, templates in shapes:
            if known == layout:
                templates[template.constants] = template
                self._count += 1
                return
        if len(shapes) < _SHAPES_PER_KEY:
            shapes.append((layout, template.unpack, {template.constants: template}))
            self._count += 1


def _is_last_field(data: bytes, position: int, end: int) -> bool:
    """Return whether the length-delimited field at `position` ends at `end`."""
    length = shift = 0
    position += 1
    while True:
        byte = data[position]
        position += 1
        length |= (byte & 0x7F) << shift
        if byte < 0x80:
            return position + length == end
        shift += 7


def run_along(data: bytes, position: int, layout: Layout) -> tuple[int, Layout]:  # noqa: C901 - the hot loop: helper calls would double its time
    """
    Take in records from `position` for as long as each has the layout that followed last time.

    Every record taken has the right length checksum (it is part of the constant head) and the right data checksum.

    Args:
        data: Part of the file, beginning at or before a record.

        position: Where a record begins in it.

        layout: The layout to try first.

    Returns:
        The position of the first record that was not taken, and the layout of the last one that was, or `layout` if none was.
    """
    # Locals, and no helper calls: this loop is where reading a million scalars spends its time.
    end = len(data)
    last = layout
    step_seen = b""
    step = 0
    following: Layout | None = layout
    while following is not None:
        template = following.template
        after = position + template.size
        if after > end:
            break
        fields = template.unpack(data, position)
        if fields[0] != template.head:
            break
        step_field = fields[2]
        if step_field != step_seen:
            decoded = _step(step_field) if step_field else 0
            if decoded is None:
                break
            step, step_seen = decoded, step_field
        constants = template.constants
        if len(constants) == 2:
            if fields[3] != constants[0] or fields[5] != constants[1]:
                break
            crc = crc32c(data[position + 12 : after - 4])
            if (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF != fields[6]:
                break
            add_step, add_wall, add_value = following.appenders[0]
            add_step(step)
            add_wall(fields[1])
            add_value(fields[4])
        else:
            if fields[3:-1:2] != constants:
                break
            crc = crc32c(data[position + 12 : after - 4])
            if (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF != fields[-1]:
                break
            wall = fields[1]
            for (add_step, add_wall, add_value), value in zip(following.appenders, fields[4:-1:2], strict=True):
                add_step(step)
                add_wall(wall)
                add_value(value)
        position = after
        last = following
        following = following.successor
    return position, last


def _step(field: bytes) -> int | None:
    """Return the step in the bytes of key and varint, or None if they are something else."""
    if field[0] != _STEP_KEY or field[-1] > 0x7F:
        return None
    step = shift = 0
    for byte in field[1:-1]:
        if byte < 0x80:
            return None
        step |= (byte & 0x7F) << shift
        shift += 7
    step = (step | field[-1] << shift) & 0xFFFF_FFFF_FFFF_FFFF
    return step - (1 << 64) if step >> 63 else step
