"""TensorFlow's data types and shapes, as its protocol buffers hold them."""

from __future__ import annotations

from typing import Final

from modelwatch.formats.wire import protobuf
from modelwatch.formats.wire.protobuf import Field, Malformed, Sliceable

_RANK_LIMIT: Final = 254  # TensorFlow's own

STRING: Final = 7
VARIANT: Final = 21
_REFERENCE_OFFSET: Final = 100  # DT_FLOAT_REF is 101, …

_TYPES: Final = {
    0: ("invalid", None),
    1: ("float32", 4),
    2: ("float64", 8),
    3: ("int32", 4),
    4: ("uint8", 1),
    5: ("int16", 2),
    6: ("int8", 1),
    7: ("string", None),
    8: ("complex64", 8),
    9: ("int64", 8),
    10: ("bool", 1),
    11: ("qint8", 1),
    12: ("quint8", 1),
    13: ("qint32", 4),
    14: ("bfloat16", 2),
    15: ("qint16", 2),
    16: ("quint16", 2),
    17: ("uint16", 2),
    18: ("complex128", 16),
    19: ("float16", 2),
    20: ("resource", None),
    21: ("variant", None),
    22: ("uint32", 4),
    23: ("uint64", 8),
    24: ("float8_e5m2", 1),
    25: ("float8_e4m3fn", 1),
}
"""Name and bytes per element by number (types.proto); None where elements differ in size."""


def type_name(number: int) -> str:
    """Return TensorFlow's name of a data type; ``type <number>`` for one that this program does not know."""
    name, _ = _TYPES.get(number % _REFERENCE_OFFSET, (f"type {number}", None))
    return name


def element_bytes(number: int) -> int | None:
    """Return the bytes of one element, or None if they are not fixed or not known."""
    _, size = _TYPES.get(number, ("", None))
    return size


def shape(data: Sliceable, field: Field) -> tuple[int, ...] | None:
    """
    Return the sizes of a TensorShapeProto, -1 for a size that is not known, or None when not even their number is.

    Raises:
        Malformed: It is not a TensorShapeProto, or of more than 254 dimensions.
    """
    sizes: list[int] = []
    for part in protobuf.message(data, field):
        if part.number == 2:
            if len(sizes) == _RANK_LIMIT:
                raise Malformed(f"a shape of more than {_RANK_LIMIT} dimensions")
            sizes.append(next((protobuf.signed(inner) for inner in protobuf.message(data, part) if inner.number == 1), 0))
        elif part.number == 3 and protobuf.integer(part):
            return None
    return tuple(sizes)
