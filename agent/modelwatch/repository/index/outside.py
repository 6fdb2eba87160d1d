"""Text and numbers from outside, as SQLite can hold them."""

from __future__ import annotations

import math
import unicodedata
from typing import Final

_LARGEST: Final = (1 << 63) - 1


def data(text: str) -> bytes:
    """Return a text as bytes that sort as its characters do. Undone by `text_of`."""
    return text.encode("utf-8", "surrogatepass")


def text_of(value: bytes) -> str:
    """Undo `data`."""
    return value.decode("utf-8", "surrogatepass")


def optional(text: object) -> bytes | None:
    """Return what should be a text or nothing as bytes, or None."""
    return None if text is None else data(str(text))


def real(value: float) -> float | None:
    """Return a number as one that can be sorted by: NaN is None."""
    return None if math.isnan(value) else value


def number(value: object) -> float | None:
    """Return what should be a whole number or nothing as a number that can be sorted by, or None."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value != value:  # noqa: PLR0124 - NaN, of either type
        return None
    return limited(value) if isinstance(value, int) else max(-float(_LARGEST), min(float(_LARGEST), value))


def limited(value: int) -> int:
    """Return a whole number, or the nearest that SQLite can hold."""
    return max(-_LARGEST, min(_LARGEST, value))


def folded(text: str) -> bytes:
    """Return a text as searches compare it: without regard to case and to Unicode's other ways to write the same characters."""
    if text.isascii():
        return text.lower().encode("ascii")
    return data(unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold()))


def words(text: str) -> tuple[bytes, ...]:
    """Return the words that all have to occur in what a search finds, folded."""
    return tuple(folded(word) for word in text.split())
