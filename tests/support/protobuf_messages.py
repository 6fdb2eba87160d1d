"""Protocol buffer messages made by hand, to test readers with."""


def varint(value: int) -> bytes:
    """Encode an integer; a negative one as two's complement in 64 bits."""
    value &= (1 << 64) - 1
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def field(number: int, value: int | bytes | str) -> bytes:
    """Encode one field: a varint of an int, a length-delimited payload of bytes or text."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    payload = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(payload)) + payload


def fixed32(number: int, value: int) -> bytes:
    """Encode a fixed32 field."""
    return varint(number << 3 | 5) + value.to_bytes(4, "little")


def fixed64(number: int, value: int) -> bytes:
    """Encode a fixed64 field."""
    return varint(number << 3 | 1) + value.to_bytes(8, "little")
