"""
Cursors: where in a list a page ended, as one opaque word.

A list is read in legs: the items that have the value sorted by, then those with NaN, then those without. A cursor holds the leg, the last
item's value, and what tells items of one value apart. It gives nobody anything that the list does not, so it is not signed; whoever makes
one up gets another part of the same list, or an error.
"""

from __future__ import annotations

import base64
import math
from dataclasses import dataclass

from modelwatch.core.errors import UsageError
from modelwatch.core.json import JsonValue, decode_float, dumps, encode_float, loads

SqlValue = float | str | bytes | None

_LARGEST = 1 << 63


@dataclass(frozen=True, slots=True)
class Cursor:
    """
    The last item of a page.

    Attributes:
        leg: Which leg it was in.
        value: What the leg is sorted by; None in a leg without.
        tie: What orders items of the same value.
    """

    leg: int
    value: SqlValue
    tie: SqlValue

    def encode(self, question: str) -> str:
        """Return it as text, for use with the same question only."""
        text = dumps([question, self.leg, _to_json(self.value), _to_json(self.tie)])
        return base64.urlsafe_b64encode(text.encode("ascii")).decode("ascii").rstrip("=")

    @classmethod
    def decode(cls, text: str, question: str) -> Cursor:
        """Undo `encode`. Raise UsageError for what `encode` never returned, and for one of another question."""
        try:
            padded = text.encode("ascii") + b"=" * (-len(text) % 4)
            asked, leg, value, tie = loads(base64.b64decode(padded, altchars=b"-_", validate=True))
            cursor = cls(_index(leg), _from_json(value), _from_json(tie))
        except (ValueError, TypeError) as error:
            raise UsageError("not a cursor of this list", hint="begin with the first page") from error
        if asked != question:
            raise UsageError("the cursor belongs to another list", hint="begin with the first page when the question changes")
        return cursor


def _index(value: JsonValue) -> int:
    if value not in {0, 1, 2} or not isinstance(value, int) or isinstance(value, bool):
        raise ValueError(f"not a leg: {value!r}")
    return value


def _to_json(value: SqlValue) -> JsonValue:
    match value:
        case bytes():
            return {"b": value.hex()}
        case float():
            return {"f": encode_float(value)}
        case _:
            return value


def _from_json(value: JsonValue) -> SqlValue:
    match value:
        case {"b": str(digits)}:
            return bytes.fromhex(digits)
        case {"f": int() | float() | str() as written}:
            found = decode_float(written)
            if math.isnan(found):
                raise ValueError("NaN has no place in an order")
            return found
        case None | str():
            return _encodable(value)
        case int() if not isinstance(value, bool) and abs(value) < _LARGEST:
            return value
        case _:
            raise ValueError(f"no value that is sorted by: {value!r}")


def _encodable(value: str | None) -> str | None:
    if value is not None:
        value.encode("utf-8")  # a lone surrogate raises UnicodeEncodeError, which is a ValueError
    return value
