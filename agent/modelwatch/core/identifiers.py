"""Identifiers that sort by time: ULIDs, https://github.com/ulid/spec."""

from __future__ import annotations

import os
import time

_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_LENGTH = 26
_RANDOM_BYTES = 10


def new_ulid(now: float | None = None) -> str:
    """Return a new ULID: 26 characters, the first 10 of them the time in milliseconds, the other 16 random."""
    return make_ulid(int((time.time() if now is None else now) * 1000), os.urandom(_RANDOM_BYTES))


def make_ulid(milliseconds: int, tail: bytes) -> str:
    """Return the ULID of a time and of the 10 bytes that usually are random."""
    if len(tail) != _RANDOM_BYTES:
        raise ValueError(f"a ULID ends in {_RANDOM_BYTES} bytes, not {len(tail)}")
    number = (milliseconds << 80) | int.from_bytes(tail, "big")
    return "".join(_CROCKFORD[(number >> shift) & 31] for shift in range(125, -1, -5))


def ulid_milliseconds(text: str) -> int:
    """Return the time of a ULID in milliseconds since the epoch. Raise ValueError when `text` is not a ULID."""
    if len(text) != _LENGTH:
        raise ValueError(f"not a ULID: {text!r}")
    number = 0
    for character in text:
        digit = _CROCKFORD.find(character)
        if digit < 0:
            raise ValueError(f"not a ULID: {text!r}")
        number = number << 5 | digit
    return number >> 80


def is_ulid(text: str) -> bool:
    """Return whether `text` is a ULID as `new_ulid` writes it."""
    try:
        ulid_milliseconds(text)
    except ValueError:
        return False
    return True
