"""
JSON as modelwatch writes it: one canonical form, and every float representable.

Canonical: keys sorted, no spaces, ASCII only. File names that are not UTF-8 are held as Python's surrogate escapes
(PEP 383) and appear as escaped lone surrogates, which `loads` turns back into the same name.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

JsonValue = Any
"""A value that `json` can represent: the type system of Python 3.11 has no useful recursive spelling of it."""

_SPECIAL = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def encode_float(value: float) -> float | str:
    """Return `value`, or the string ``NaN``, ``Infinity`` or ``-Infinity`` that JSON can hold (the proto3 JSON mapping)."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return value


def decode_float(value: float | str) -> float:
    """Undo `encode_float`. Raise ValueError for any other string."""
    if isinstance(value, str):
        try:
            return _SPECIAL[value]
        except KeyError:
            raise ValueError(f"not a number: {value!r}") from None
    return float(value)


def finite(value: JsonValue) -> JsonValue:
    """Return `value` with every non-finite float inside it encoded as `encode_float` does."""
    if value is None or isinstance(value, (str, bytes, int)):  # most values of a long document, which others wait for
        return value
    if isinstance(value, float):
        return encode_float(value)
    if isinstance(value, (dict, Mapping)):
        return {str(key): finite(item) for key, item in value.items()}
    if isinstance(value, (list, Sequence)):
        return [finite(item) for item in value]
    return value


def loads_foreign(text: str | bytes, *, depth_limit: int = 100, values_limit: int = 2_000_000) -> JsonValue:
    """
    Return the value of a JSON text that somebody else wrote, fit to be written by us: non-finite floats are encoded.

    Args:
        text: Python's dialect is understood: ``NaN`` and ``Infinity`` are numbers.

        depth_limit: How deep lists and objects may be nested.

        values_limit:
            How many values there may be, about. Empty lists take thirty times the memory that they take as text, and a megabyte of
            them packs into a kilobyte. The files of the largest version are half as many values.

    Raises:
        ValueError: It is not JSON, is nested too deeply, or holds too much.
    """
    if _separators(text) > values_limit:
        raise ValueError(f"JSON of more than {values_limit} values")
    value = loads(text)
    level = [value]
    for _ in range(depth_limit):
        level = [inner for item in level for inner in _children(item)]
        if not level:
            return finite(value)
    raise ValueError("JSON that is nested too deeply")


def _separators(text: str | bytes) -> int:
    if isinstance(text, str):
        return sum(map(text.count, ",[{"))
    return sum(map(text.count, (b",", b"[", b"{")))


def _children(value: JsonValue) -> Sequence[JsonValue]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else ()


def dumps(value: JsonValue) -> str:
    """Return the canonical text of `value`. Raise ValueError when it holds a non-finite float."""
    return _CANONICAL.encode(value)


def loads(text: str | bytes) -> JsonValue:
    """Return the value of a JSON text. Raise ValueError when it is not one, or is nested too deeply to be read."""
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("JSON that is nested too deeply") from None
