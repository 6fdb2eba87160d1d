"""
What one record of an event file says, as far as scalars are concerned.

A walk over the wire form of TensorFlow's ``Event`` message that reads the heads of fields and jumps over payloads: an image of 300 MB
costs as much as a number. It works on a record in memory and, through `Window`, on one that is still in its file.

Fields (tensorflow/core/util/event.proto, framework/summary.proto, framework/tensor.proto):

    Event    1 wall_time  2 step  3 file_version  4 graph_def  5 summary  7 session_log  8 tagged_run_metadata  9 meta_graph_def
    Summary  1 value
    Value    1 tag  2 simple_value  4 image  5 histogram  6 audio  7 node_name  8 tensor  9 metadata
    Tensor   1 dtype  2 shape  4 tensor_content  5 float_val  6 double_val  7 int_val  8 string_val  10 int64_val  11 bool_val
             13 half_val  16 uint32_val  17 uint64_val
    Session  1 status  2 checkpoint_path

Metadata follows the tensor on the wire, and writers of TensorFlow 1 send it with a tag's first value only; so whether something is a
scalar is decided by the tensor's type and shape, and the plug-in's name only takes away.
"""

from __future__ import annotations

import math
import struct
from typing import Final, NamedTuple, Protocol, overload

from modelwatch.core.files import RegularFile

SESSION_START: Final = 1
SESSION_CHECKPOINT: Final = 3

_CHECKPOINT_PATH: Final = "checkpoint_path"  # tf.estimator's evaluation names the checkpoint in a string tensor with this tag
_TEXT_LIMIT_BYTES: Final = 4096
_TAG_LIMIT_BYTES: Final = 4096
_WINDOW_BYTES: Final = 4096
_DOUBLE: Final = struct.Struct("<d")
_FLOAT: Final = struct.Struct("<f")
_DT_FLOAT, _DT_DOUBLE, _DT_STRING, _DT_BFLOAT16, _DT_HALF = 1, 2, 7, 14, 19
# dtype: how one element stands in tensor_content, and the number of the field that holds elements one by one
_ELEMENTS: Final = {
    _DT_FLOAT: ("<f", 5),
    _DT_DOUBLE: ("<d", 6),
    3: ("<i", 7),  # int32
    4: ("<B", 7),  # uint8
    5: ("<h", 7),  # int16
    6: ("<b", 7),  # int8
    9: ("<q", 10),  # int64
    10: ("<?", 11),  # bool
    _DT_BFLOAT16: ("<H", 13),
    17: ("<H", 7),  # uint16
    _DT_HALF: ("<e", 13),
    22: ("<I", 16),  # uint32
    23: ("<Q", 17),  # uint64
}
_ELEMENT_FIELDS: Final = {dtype: number for dtype, (_, number) in _ELEMENTS.items()} | {_DT_STRING: 8}
_UNSIGNED_DTYPES: Final = frozenset({4, 10, 17, 22, 23})


class Malformed(ValueError):  # noqa: N818 - a finding about bytes, counted by the reader, not a failure
    """The bytes are not an event."""


class Bytes(Protocol):
    """`bytes`, or a `Window` over a file."""

    @overload
    def __getitem__(self, index: int, /) -> int: ...
    @overload
    def __getitem__(self, index: slice, /) -> bytes: ...
    def __getitem__(self, index: int | slice, /) -> int | bytes:
        """Return one byte, or those of a slice: fewer where it passes the end. Raise IndexError for a byte past the end."""


class Window:
    """
    A file as bytes by absolute position, of which 4 KiB are kept.

    Args:
        file: Stays the caller's to close.
    """

    __slots__ = ("_bytes", "_file", "_start")

    def __init__(self, file: RegularFile) -> None:
        self._file = file
        self._start = 0
        self._bytes = b""

    @overload
    def __getitem__(self, index: int, /) -> int: ...
    @overload
    def __getitem__(self, index: slice, /) -> bytes: ...
    def __getitem__(self, index: int | slice, /) -> int | bytes:
        if isinstance(index, slice):
            offset = self._load(index.start, index.stop - index.start)
            return self._bytes[offset : offset + (index.stop - index.start)]
        offset = self._load(index, 1)
        return self._bytes[offset]

    def _load(self, start: int, size: int) -> int:
        offset = start - self._start
        if offset < 0 or offset + size > len(self._bytes):
            self._bytes = self._file.read_at(start, max(_WINDOW_BYTES, size))
            self._start = start
            return 0
        return offset


class Session(NamedTuple):
    """
    A session log: TensorFlow 1 says that it started, stopped or wrote a checkpoint.

    Attributes:
        status: `SESSION_START`, 2 for a stop, `SESSION_CHECKPOINT`.
        step: The event's step.
        wall_time: Seconds since the epoch.
        checkpoint_path: The prefix without ``-step``; empty when there is none.
    """

    status: int
    step: int
    wall_time: float
    checkpoint_path: str


class Value(NamedTuple):
    """
    One number, or the one kind of text that is of use here.

    Attributes:
        tag: The summary's tag.
        number: The value; None for text.
        text: The text of a ``checkpoint_path`` tensor; None for a number.
        plugin: The name in the value's own metadata, or None when it has none.
        offset: Where a number that is a 32-bit float stands in the data; -1 for all else.
    """

    tag: str
    number: float | None
    text: str | None
    plugin: str | None
    offset: int


class Event(NamedTuple):
    """
    One event.

    Attributes:
        wall_time: Seconds since the epoch, as stored; may be any double.
        step: The step; 0 when the event has none.
        values: Its numbers and texts, in order.
        plugins: Plug-in names by tag, of values of every kind.
        session: The session log, or None.
        others: How many values it has that are neither: images, histograms, ….
    """

    wall_time: float
    step: int
    values: list[Value]
    plugins: dict[str, str]
    session: Session | None
    others: int

    @property
    def is_of_use(self) -> bool:
        """Whether there is anything to take from it, so that its checksum is worth computing."""
        return bool(self.values or self.plugins or self.session)


def varint(data: Bytes, position: int) -> tuple[int, int]:
    """Return the unsigned varint at `position` and the position after it. Raise `Malformed` or IndexError if there is none."""
    byte = data[position]
    position += 1
    if byte < 0x80:
        return byte, position
    result, shift = byte & 0x7F, 7
    while shift < 70:
        byte = data[position]
        position += 1
        result |= (byte & 0x7F) << shift
        if byte < 0x80:
            return result, position
        shift += 7
    raise Malformed("a varint of more than ten bytes")


def _skip(data: Bytes, wire_type: int, position: int) -> int:
    if wire_type == 2:
        length, position = varint(data, position)
        return position + length
    if wire_type == 0:
        return varint(data, position)[1]
    if wire_type == 1:
        return position + 8
    if wire_type == 5:
        return position + 4
    raise Malformed(f"wire type {wire_type}")


def _payload(data: Bytes, position: int, end: int) -> tuple[int, int]:
    """Return where the payload of a length-delimited field begins and ends."""
    length, position = varint(data, position)
    if position + length > end:
        raise Malformed("a field reaches past the end of its message")
    return position, position + length


def _signed(value: int, bits: int = 64) -> int:
    value &= (1 << bits) - 1
    return value - (1 << bits) if value >> (bits - 1) else value


def parse(data: Bytes, start: int, end: int) -> Event:
    """
    Return what the event in ``data[start:end]`` says.

    The caller has not checked the data's checksum yet, perhaps: any bytes give an event or `Malformed`.

    Raises:
        Malformed: The bytes are not an event.
    """
    wall_time, step, others = 0.0, 0, 0
    values: list[Value] = []
    plugins: dict[str, str] = {}
    session: tuple[int, str] | None = None
    position = start
    try:
        while position < end:
            key, position = varint(data, position)
            if key == 0x09:
                (wall_time,) = _DOUBLE.unpack(data[position : position + 8])
                position += 8
            elif key == 0x10:
                step, position = varint(data, position)
                step = _signed(step)
            elif key == 0x2A:
                inner, position = _payload(data, position, end)
                others += _summary(data, inner, position, values, plugins)
            elif key == 0x3A:
                inner, position = _payload(data, position, end)
                session = _session(data, inner, position)
            else:
                position = _skip(data, key & 7, position)
    except (IndexError, struct.error) as error:
        raise Malformed("the event is cut off") from error
    if position != end:
        raise Malformed("a field reaches past the end of the event")
    log = None if session is None else Session(session[0], step, wall_time, session[1])
    return Event(wall_time, step, values, plugins, log, others)


def _session(data: Bytes, position: int, end: int) -> tuple[int, str]:
    status, path = 0, ""
    while position < end:
        key, position = varint(data, position)
        if key == 0x08:
            status, position = varint(data, position)
        elif key == 0x12:
            begin, position = _payload(data, position, end)
            path = data[begin : min(position, begin + _TEXT_LIMIT_BYTES)].decode("utf-8", "surrogateescape")
        else:
            position = _skip(data, key & 7, position)
    return status, path


def _summary(data: Bytes, position: int, end: int, values: list[Value], plugins: dict[str, str]) -> int:
    """Add what a Summary holds and return how many of its values are of no use."""
    others = 0
    while position < end:
        key, position = varint(data, position)
        if key == 0x0A:
            inner, position = _payload(data, position, end)
            value = _value(data, inner, position)
            if value.plugin is not None:
                plugins.setdefault(value.tag, value.plugin)
            if value.number is not None or value.text is not None:
                values.append(value)
            else:
                others += 1
        else:
            position = _skip(data, key & 7, position)
    if position != end:
        raise Malformed("a value reaches past the end of its summary")
    return others


def _value(data: Bytes, position: int, end: int) -> Value:
    tag = node = ""
    number: float | None = None
    text: str | None = None
    plugin: str | None = None
    offset = -1
    while position < end:
        key, position = varint(data, position)
        if key == 0x0A or key == 0x3A:  # noqa: PLR1714 - a set would be built or looked up for every field
            begin, position = _payload(data, position, end)
            name = data[begin : min(position, begin + _TAG_LIMIT_BYTES)].decode("utf-8", "replace")
            tag, node = (name, node) if key == 0x0A else (tag, name)
        elif key == 0x15:
            (number,) = _FLOAT.unpack(data[position : position + 4])
            offset = position
            position += 4
        elif key == 0x42:
            begin, position = _payload(data, position, end)
            number, offset, text = _tensor(data, begin, position)
        elif key == 0x4A:
            begin, position = _payload(data, position, end)
            plugin = _plugin(data, begin, position)
        else:
            position = _skip(data, key & 7, position)
    if position != end:
        raise Malformed("a field reaches past the end of its value")
    tag = tag or node
    return Value(tag, number, text if tag == _CHECKPOINT_PATH else None, plugin, offset)


def _plugin(data: Bytes, position: int, end: int) -> str | None:
    """Return SummaryMetadata.plugin_data.plugin_name."""
    while position < end:
        key, position = varint(data, position)
        if key != 0x0A:
            position = _skip(data, key & 7, position)
            continue
        begin, position = _payload(data, position, end)
        while begin < position:
            key, begin = varint(data, begin)
            if key == 0x0A:
                name, begin = _payload(data, begin, position)
                return data[name : min(begin, name + _TAG_LIMIT_BYTES)].decode("utf-8", "replace")
            begin = _skip(data, key & 7, begin)
    return None


_NOT_A_SCALAR: Final = (None, -1, None)


def _tensor(data: Bytes, position: int, end: int) -> tuple[float | None, int, str | None]:
    """Return the number, its place if it is a 32-bit float, and the text of a tensor with one element; else (None, -1, None)."""
    dtype = 0
    found: tuple[float | None, int, str | None] = _NOT_A_SCALAR
    while position < end:
        key, position = varint(data, position)
        if key == 0x08:
            dtype, position = varint(data, position)
            if dtype not in _ELEMENTS and dtype != _DT_STRING:
                return _NOT_A_SCALAR  # resources, complex numbers, …
        elif key == 0x12:
            begin, position = _payload(data, position, end)
            if not _has_one_element(data, begin, position):
                return _NOT_A_SCALAR
        elif key == 0x22 or key >> 3 == _ELEMENT_FIELDS.get(dtype):
            found, position = _elements(data, position, end, dtype, key)
            if found is _NOT_A_SCALAR:
                return _NOT_A_SCALAR
        else:
            position = _skip(data, key & 7, position)
    if found is _NOT_A_SCALAR and dtype in _ELEMENTS:
        return 0.0, -1, None  # proto3 leaves a default out, and so do some writers a zero
    return found


def _elements(data: Bytes, position: int, end: int, dtype: int, key: int) -> tuple[tuple[float | None, int, str | None], int]:
    """Return what `_tensor` returns for the field that holds the elements, and the position after it."""
    if key != 0x22 and dtype != _DT_STRING:
        number, offset, position = _element(data, position, end, dtype, key & 7)
        return (number, offset, None), position
    begin, position = _payload(data, position, end)
    if dtype == _DT_STRING:
        if key == 0x22 or position - begin > _TEXT_LIMIT_BYTES:
            return _NOT_A_SCALAR, position
        return (None, -1, data[begin:position].decode("utf-8", "surrogateescape")), position
    content = _content(dtype, data[begin : min(position, begin + 9)])
    return _NOT_A_SCALAR if content is None else (content, begin if dtype == _DT_FLOAT else -1, None), position


def _has_one_element(data: Bytes, position: int, end: int) -> bool:
    """Return whether a TensorShape has rank 0, or every dimension has size 1."""
    while position < end:
        key, position = varint(data, position)
        if key == 0x18:
            unknown, position = varint(data, position)
            if unknown:
                return False
        elif key == 0x12:
            begin, position = _payload(data, position, end)
            size = 0
            while begin < position:
                key, begin = varint(data, begin)
                if key == 0x08:
                    size, begin = varint(data, begin)
                else:
                    begin = _skip(data, key & 7, begin)
            if size != 1:
                return False
        else:
            position = _skip(data, key & 7, position)
    return True


def _from_bits(dtype: int, bits: int) -> float:
    """Return a 16-bit float that protocol buffers hold as an integer."""
    bits &= 0xFFFF
    if dtype == _DT_BFLOAT16:  # the upper half of a 32-bit float
        return float(_FLOAT.unpack((bits << 16).to_bytes(4, "little"))[0])
    return float(struct.unpack("<e", bits.to_bytes(2, "little"))[0])


def _content(dtype: int, content: bytes) -> float | None:
    """Return the one element in `tensor_content`, or None if it does not hold exactly one."""
    layout = _ELEMENTS.get(dtype)
    if layout is None or len(content) != struct.calcsize(layout[0]):
        return None
    (value,) = struct.unpack(layout[0], content)
    return _from_bits(dtype, value) if dtype == _DT_BFLOAT16 else float(value)


def _element(data: Bytes, position: int, end: int, dtype: int, wire_type: int) -> tuple[float, int, int]:
    """Return one element of a ``…_val`` field, packed or not, its place if it is a 32-bit float, and the position after the field."""
    after = end
    if wire_type == 2:
        position, after = _payload(data, position, end)
    if dtype == _DT_FLOAT and wire_type in {2, 5}:
        if wire_type == 2 and after - position != 4:
            raise Malformed("not one element")
        return float(_FLOAT.unpack(data[position : position + 4])[0]), position, position + 4
    if dtype == _DT_DOUBLE and wire_type in {1, 2}:
        if wire_type == 2 and after - position != 8:
            raise Malformed("not one element")
        return float(_DOUBLE.unpack(data[position : position + 8])[0]), -1, position + 8
    if dtype in {_DT_FLOAT, _DT_DOUBLE} or wire_type not in {0, 2}:
        raise Malformed(f"an element of type {dtype} with wire type {wire_type}")
    bits, position = varint(data, position)
    if wire_type == 2 and position != after:
        raise Malformed("not one element")
    if dtype in {_DT_BFLOAT16, _DT_HALF}:
        return _from_bits(dtype, bits), -1, position
    return float(bits if dtype in _UNSIGNED_DTYPES else _signed(bits)), -1, position


def is_exact_in_32_bits(number: float) -> bool:
    """Return whether a 32-bit float holds `number` exactly, as it holds NaN and the infinities."""
    if not math.isfinite(number):
        return True
    try:
        return bool(_FLOAT.unpack(_FLOAT.pack(number))[0] == number)
    except OverflowError:
        return False
