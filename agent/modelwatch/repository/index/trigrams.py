"""
Which versions have words in their text, without looking through every text of a model.

SQLite's FTS5 keeps where each three characters stand that follow one another (https://sqlite.org/fts5.html#the_trigram_tokenizer), but not
the texts. It reads no NUL and no half of a surrogate pair, in place of which others are kept: what it finds has to be looked at still.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Final

FEWEST: Final = 2_000
"""A model of fewer versions is sooner looked through than its part is found of what those of all models have."""

_LENGTH: Final = 3
_LONGEST: Final = 64
"""Of a longer word no more is asked for: each character costs, and hardly ever tells what those before it have not."""

_NUMBERS: Final = 1 << 32
"""A row is a model's place and a version's number together. Higher numbers, which nobody reaches by counting, are not kept."""


def add(connection: sqlite3.Connection, place: int, number: int, text: bytes) -> None:
    """Let a version be found by its text."""
    if number < _NUMBERS:
        connection.execute("INSERT INTO trigrams (rowid, text) VALUES (?, ?)", (_row(place, number), _readable(text)))


def remove(connection: sqlite3.Connection, place: int, number: int, text: bytes) -> None:
    """Let a version be found no more. The text has to be the one that it was added with: it tells where the version is kept."""
    if number < _NUMBERS:
        values = (_row(place, number), _readable(text))
        connection.execute("INSERT INTO trigrams (trigrams, rowid, text) VALUES ('delete', ?, ?)", values)


def versions_with(connection: sqlite3.Connection, place: int, words: Sequence[bytes], most: int) -> list[int] | None:
    """
    Return the numbers of a model's versions that have all of the words, and perhaps of some that have not.

    Returns:
        Numbers, lowest first, or None when they are more than `most`, or when every text is to be looked at: no word has three
        characters, or the model has hardly more than `FEWEST` versions, or one with a higher number than is kept.
    """
    asked = [word[:_LONGEST] for word in map(_readable, words) if len(word) >= _LENGTH]
    [(highest,)] = connection.execute("SELECT max(number) FROM versions WHERE place = ?", (place,))
    if not asked or not FEWEST < (highest or 0) < _NUMBERS:
        return None
    rows = connection.execute(
        "SELECT rowid FROM trigrams WHERE trigrams MATCH ? AND rowid BETWEEN ? AND ? LIMIT ?",
        (" AND ".join(map(_quoted, asked)), _row(place, 0), _row(place, _NUMBERS - 1), most + 1),
    ).fetchall()
    return [row[0] % _NUMBERS for row in rows] if len(rows) <= most else None


def _row(place: int, number: int) -> int:
    return place * _NUMBERS + number


def _readable(text: bytes) -> str:
    return text.decode("utf-8", "replace").replace("\0", "\1")


def _quoted(word: str) -> str:
    return '"' + word.replace('"', '""') + '"'
