"""
From the text that somebody wrote to the value of an option.

Each function returns the value or raises ValueError with what is wrong, in words that follow on the value: "is not a time: write …".
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

_NAME_BYTES = 200  # what a file system leaves for a name, after what we add to it


def free_text(text: str) -> str:
    """Return any text but one with NUL, which no system call takes."""
    if "\0" in text:
        raise ValueError("holds a NUL character")
    return text


def path_text(text: str) -> str:
    """Return a path or an address, as it was written."""
    if not text.strip():
        raise ValueError("is empty; give a folder")
    return free_text(text)


def one_name(text: str) -> str:
    """Return a name that can be shown on a line, without the spaces around it."""
    if not text.strip() or not text.isprintable():
        raise ValueError("must be printable text")
    if len(text.encode("utf-8", "surrogateescape")) > _NAME_BYTES:
        raise ValueError(f"is longer than {_NAME_BYTES} bytes")
    return text.strip()


def file_name(text: str) -> str:
    """Return the name of a file, which is not a path."""
    name = one_name(text)
    if "/" in name or name in {".", ".."}:
        raise ValueError("is a path; give the name of a file")
    return name


def optional_name(text: str) -> str | None:
    """Return a name, or None for an empty text."""
    return one_name(text) if text.strip() else None


def optional_secret(text: str) -> str | None:
    """Return a text that a header can carry, or None for an empty one."""
    wanted = text.strip()
    if not wanted.isascii() or not (wanted.isprintable() or not wanted):
        raise ValueError("holds characters that no key has")
    return wanted or None


def seconds(text: str) -> float:
    """Return a time in seconds, of at most a week."""
    match = re.fullmatch(r"\s*([0-9]+(?:\.[0-9]*)?|\.[0-9]+)\s*(ms|s|m|h|)\s*", text)
    if not match:
        raise ValueError("is not a time: write 20, 0.5, 500ms, 20s, 2m or 1h")
    value = float(match[1]) * {"": 1.0, "ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}[match[2]]
    if not math.isfinite(value) or value > 7 * 24 * 3600:
        raise ValueError("is longer than a week")
    return value


def positive_seconds(text: str) -> float:
    """Return a time in seconds that a loop can wait for."""
    value = seconds(text)
    if value < 0.01:
        raise ValueError("must be at least 0.01 s")
    return value


def days_of_audit(text: str) -> int | None:
    """Return for how many days something is kept that must not be forgotten at once, None for ever."""
    wanted = text.strip().lower()
    if wanted == "forever":
        return None
    if not re.fullmatch(r"[0-9]{1,5}", wanted) or int(wanted) < 30:
        raise ValueError("is no number of days: write 30 or more, or forever")
    return int(wanted)


def one_of(kind: type[Any], *, absent: str = "") -> Callable[[str], Any]:
    """Return a parser of an enumeration's values in any case, with `absent` standing for None."""

    def parse(text: str) -> Any:  # noqa: ANN401 - a member of `kind`, or None
        wanted = text.strip().lower()
        if absent and wanted in {absent, ""}:
            return None
        for member in kind:
            if member.value.lower() == wanted:
                return member
        raise ValueError(f"choose one of {', '.join(spellings(kind, absent))}")

    return parse


def spellings(kind: type[Any], absent: str = "") -> tuple[str, ...]:
    """Return the words that `one_of` takes."""
    return (*((absent,) if absent else ()), *(member.value for member in kind))


def word_of(*words: str) -> Callable[[str], str]:
    """Return a parser of one of some words, in any case."""

    def parse(text: str) -> str:
        wanted = text.strip().lower()
        if wanted not in words:
            raise ValueError(f"choose one of {', '.join(words)}")
        return wanted

    return parse
