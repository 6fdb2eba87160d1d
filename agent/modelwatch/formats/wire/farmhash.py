"""
FarmHash's Fingerprint64, with which TensorFlow 2.12 and later ties a SavedModel's fingerprint.pb to its variables.index.

The function is frozen: its values are meant to be stored. About 10 MB/s here, for files of kilobytes.
https://github.com/google/farmhash/blob/master/src/farmhash.cc (namespace farmhashna)
"""

from __future__ import annotations

import struct
from typing import Final

_K0: Final = 0xC3A5C85C97CB3127
_K1: Final = 0xB492B66FBE98F273
_K2: Final = 0x9AE16A3B2F90404F
_SEED: Final = 81
_M: Final = (1 << 64) - 1

_Pair = tuple[int, int]


def fingerprint64(data: bytes) -> int:
    """Return the Fingerprint64 of `data`, unsigned."""
    if len(data) <= 16:
        return _up_to_16(data)
    if len(data) <= 32:
        return _up_to_32(data)
    if len(data) <= 64:
        return _up_to_64(data)
    return _long(data)


def _rotate(value: int, bits: int) -> int:
    value &= _M
    return (value >> bits | value << (64 - bits)) & _M


def _shift_mix(value: int) -> int:
    value &= _M
    return value ^ value >> 47


def _mix(first: int, second: int, multiplier: int) -> int:
    a = _shift_mix((first ^ second) * multiplier)
    return _shift_mix((second ^ a) * multiplier) * multiplier & _M


def _word(data: bytes, position: int) -> int:
    return int.from_bytes(data[position : position + 8], "little")


def _up_to_16(data: bytes) -> int:
    size = len(data)
    multiplier = _K2 + 2 * size
    if size >= 8:
        a = _word(data, 0) + _K2 & _M
        b = _word(data, size - 8)
        return _mix(_rotate(b, 37) * multiplier + a & _M, (_rotate(a, 25) + b) * multiplier & _M, multiplier)
    if size >= 4:
        first = int.from_bytes(data[:4], "little")
        return _mix(size + (first << 3), int.from_bytes(data[-4:], "little"), multiplier)
    if size > 0:
        y = data[0] + (data[size >> 1] << 8)
        z = size + (data[-1] << 2)
        return _shift_mix(y * _K2 ^ z * _K0) * _K2 & _M
    return _K2


def _up_to_32(data: bytes) -> int:
    size = len(data)
    multiplier = _K2 + 2 * size
    a = _word(data, 0) * _K1
    b = _word(data, 8)
    c = _word(data, size - 8) * multiplier
    d = _word(data, size - 16) * _K2
    return _mix(_rotate(a + b, 43) + _rotate(c, 30) + d & _M, a + _rotate(b + _K2, 18) + c & _M, multiplier)


def _up_to_64(data: bytes) -> int:
    size = len(data)
    multiplier = _K2 + 2 * size
    a = _word(data, 0) * _K2
    b = _word(data, 8)
    c = _word(data, size - 8) * multiplier
    d = _word(data, size - 16) * _K2
    y = _rotate(a + b, 43) + _rotate(c, 30) + d & _M
    z = _mix(y, a + _rotate(b + _K2, 18) + c & _M, multiplier)
    e = _word(data, 16) * multiplier
    f = _word(data, 24)
    g = (y + _word(data, size - 32)) * multiplier & _M
    h = (z + _word(data, size - 24)) * multiplier & _M
    return _mix(_rotate(e + f, 43) + _rotate(g, 30) + h & _M, e + _rotate(f + a, 18) + g & _M, multiplier)


def _weak_mix(words: tuple[int, ...], a: int, b: int) -> _Pair:
    w, x, y, z = words
    a += w
    b = _rotate(b + a + z, 21)
    return a + x + y + z & _M, b + _rotate(a + x + y, 44) + a & _M


def _long(data: bytes) -> int:
    size = len(data)
    x = _SEED * _K2 + _word(data, 0) & _M
    y = _SEED * _K1 + 113 & _M
    z = _shift_mix(y * _K2 + 113) * _K2 & _M
    v: _Pair = (0, 0)
    w: _Pair = (0, 0)
    whole_blocks = (size - 1) // 64
    for block in struct.iter_unpack("<8Q", data[: whole_blocks * 64]):
        x = _rotate(x + y + v[0] + block[1], 37) * _K1 & _M ^ w[1]
        y = _rotate(y + v[1] + block[6], 42) * _K1 + v[0] + block[5] & _M
        z = _rotate(z + w[0], 33) * _K1 & _M
        v, w = (
            _weak_mix(block[:4], v[1] * _K1, x + w[0]),
            _weak_mix(block[4:], z + w[1], y + block[2]),
        )
        z, x = x, z
    last: tuple[int, ...] = struct.unpack("<8Q", data[-64:])
    multiplier = _K1 + ((z & 0xFF) << 1)
    w = (w[0] + (size - 1 & 63) & _M, w[1])
    v = (v[0] + w[0] & _M, v[1])
    w = (w[0] + v[0] & _M, w[1])
    x = _rotate(x + y + v[0] + last[1], 37) * multiplier & _M ^ w[1] * 9 & _M
    y = _rotate(y + v[1] + last[6], 42) * multiplier + v[0] * 9 + last[5] & _M
    z = _rotate(z + w[0], 33) * multiplier & _M
    v, w = (
        _weak_mix(last[:4], v[1] * multiplier, x + w[0]),
        _weak_mix(last[4:], z + w[1], y + last[2]),
    )
    z, x = x, z
    return _mix(_mix(v[0], w[0], multiplier) + _shift_mix(y) * _K0 + z & _M, _mix(v[1], w[1], multiplier) + x & _M, multiplier)
