"""
Writing event files as the frameworks' writers do, for tests: valid to the byte, without any framework.

`event` and its friends make the bytes of one ``Event``, `record` frames them, `EventWriter` appends them to a file.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path

from modelwatch.scalars.tf_record import FOOTER, HEADER, masked_crc32c

DT_FLOAT, DT_DOUBLE, DT_INT32, DT_UINT8, DT_INT16, DT_INT8, DT_STRING, DT_INT64, DT_BOOL = 1, 2, 3, 4, 5, 6, 7, 9, 10
DT_BFLOAT16, DT_UINT16, DT_HALF, DT_UINT32, DT_UINT64 = 14, 17, 19, 22, 23

_CONTENT = {
    DT_FLOAT: "<f",
    DT_DOUBLE: "<d",
    DT_INT32: "<i",
    DT_UINT8: "<B",
    DT_INT16: "<h",
    DT_INT8: "<b",
    DT_INT64: "<q",
    DT_BOOL: "<?",
    DT_UINT16: "<H",
    DT_HALF: "<e",
    DT_UINT32: "<I",
    DT_UINT64: "<Q",
}
_VALUE_FIELD = {DT_FLOAT: 5, DT_DOUBLE: 6, DT_INT64: 10, DT_BOOL: 11, DT_BFLOAT16: 13, DT_HALF: 13, DT_UINT32: 16, DT_UINT64: 17}


def varint(value: int) -> bytes:
    """Return an integer of 64 bits, negative ones in two's complement, as a varint."""
    value &= 0xFFFF_FFFF_FFFF_FFFF
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def field(number: int, payload: bytes) -> bytes:
    """Return a length-delimited field."""
    return varint(number << 3 | 2) + varint(len(payload)) + payload


def number_field(number: int, value: int) -> bytes:
    """Return a varint field."""
    return varint(number << 3) + varint(value)


def metadata(plugin: str) -> bytes:
    """Return the field of a Value that names its plug-in."""
    return field(9, field(1, field(1, plugin.encode())))


def simple(tag: str, value: float) -> bytes:
    """Return a Value as TensorFlow 1, PyTorch and tensorboardX write it."""
    return field(1, tag.encode()) + b"\x15" + struct.pack("<f", value)


def tensor(dtype: int, value: float | bytes, *, as_content: bool = True, shape: Sequence[int] = ()) -> bytes:
    """
    Return a TensorProto with one element.

    Args:
        dtype: One of the ``DT_…`` numbers.

        value: Bytes for `DT_STRING`, else a number.

        as_content: Put it into ``tensor_content``, as TensorFlow 2 does, not into the field for single values.

        shape: Sizes of the dimensions; none for a scalar.
    """
    head = number_field(1, dtype) + field(2, b"".join(field(2, number_field(1, size)) for size in shape))
    if isinstance(value, bytes):
        return head + field(8, value)
    if as_content:
        content = struct.pack("<f", value)[2:] if dtype == DT_BFLOAT16 else _pack(dtype, value)
        return head + field(4, content)
    number = _VALUE_FIELD.get(dtype, 7)
    if dtype in {DT_FLOAT, DT_DOUBLE}:
        return head + field(number, _pack(dtype, value))
    if dtype == DT_BFLOAT16:
        return head + field(number, varint(int.from_bytes(struct.pack("<f", value)[2:], "little")))
    if dtype == DT_HALF:
        return head + field(number, varint(int.from_bytes(struct.pack("<e", value), "little")))
    return head + field(number, varint(int(value)))


def _pack(dtype: int, value: float) -> bytes:
    layout = _CONTENT[dtype]
    return struct.pack(layout, value if layout[1] in "fde" else int(value))


def tensor_value(tag: str, proto: bytes, plugin: str | None = "scalars") -> bytes:
    """Return a Value that holds a tensor, with the metadata of `plugin` behind it."""
    return field(1, tag.encode()) + field(8, proto) + (b"" if plugin is None else metadata(plugin))


def scalar(tag: str, value: float) -> bytes:
    """Return a Value as ``tf.summary.scalar`` of TensorFlow 2 writes it."""
    return tensor_value(tag, tensor(DT_FLOAT, value))


def histogram(tag: str, size: int) -> bytes:
    """Return a Value whose histogram has about `size` bytes: its buckets."""
    buckets = bytes(size // 16 * 8)
    return field(1, tag.encode()) + field(5, field(6, buckets) + field(7, buckets))


def image(tag: str, size: int) -> bytes:
    """Return a Value whose image has a little more than `size` bytes."""
    return field(1, tag.encode()) + field(4, number_field(1, 8) + number_field(2, 8) + number_field(3, 3) + field(4, bytes(size)))


def event(wall_time: float, step: int, values: Sequence[bytes] = (), *, rest: bytes = b"") -> bytes:
    """
    Return an Event.

    Args:
        wall_time: Seconds since the epoch.

        step: Left out when 0, as every writer does.

        values: The Values of its summary; no summary without any.

        rest: More fields, such as `session`, `graph` or `file_version` give.
    """
    head = b"\x09" + struct.pack("<d", wall_time) + (number_field(2, step) if step else b"")
    return head + (field(5, b"".join(field(1, value) for value in values)) if values else b"") + rest


def file_version() -> bytes:
    """Return the field that a file's first event has."""
    return field(3, b"brain.Event:2")


def graph(size: int) -> bytes:
    """Return a graph of `size` bytes."""
    return field(4, bytes(size))


def session(status: int, checkpoint_path: str = "") -> bytes:
    """Return a session log."""
    return field(7, number_field(1, status) + (field(2, checkpoint_path.encode()) if checkpoint_path else b""))


def record(data: bytes) -> bytes:
    """Return `data` with its framing."""
    length = len(data).to_bytes(8, "little")
    return HEADER.pack(len(data), masked_crc32c(length)) + data + FOOTER.pack(masked_crc32c(data))


class EventWriter:
    """
    Appends events to a file, beginning with the file version unless the file has content.

    Args:
        path: The file. Directories above it are made.

        wall_time: Of the first event.
    """

    def __init__(self, path: Path, wall_time: float = 0.0) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists() or not path.stat().st_size:
            self.add(event(wall_time, 0, rest=file_version()))

    def add(self, data: bytes) -> None:
        """Append one event."""
        with self.path.open("ab") as file:
            file.write(record(data))

    def scalars(self, wall_time: float, step: int, **values: float) -> None:
        """Append one event for each value, as TensorFlow 2 writes them. ``__`` in a name stands for ``/``."""
        for tag, value in values.items():
            self.add(event(wall_time, step, [scalar(tag.replace("__", "/"), value)]))

    def simple_values(self, wall_time: float, step: int, **values: float) -> None:
        """Append one event with all values, as TensorFlow 1 writes them. ``__`` in a name stands for ``/``."""
        self.add(event(wall_time, step, [simple(tag.replace("__", "/"), value) for tag, value in values.items()]))
