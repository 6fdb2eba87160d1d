"""
What teams, users and keys may be called.

Names are shown to people and stand in addresses, so two that people take for one are one: they are compared with letter case and Unicode's
compatibility forms folded away. What would not be itself after normalisation is refused rather than changed, because a team's name must be, letter for letter,
the one that agents give with ``--team``.
"""

from __future__ import annotations

import re
import unicodedata

from modelwatch.core.errors import UsageError
from modelwatch.core.log import printable

LONGEST_BYTES = 100
RESERVED_TEAMS = frozenset({"public"})
"""``public`` is the view of what teams have published."""

_TEAM_MARKS = frozenset(" ._-")
_USER_MARKS = frozenset("._-@+")


_INVISIBLE = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180d\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]")
"""Letters and marks that show nothing (Unicode's Default_Ignorable_Code_Point): with one inside, two names look the same."""


def folded(name: str) -> str:
    """Return what a name is compared by."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())


def team_name(text: str) -> str:
    """Return a team's name. Raise UsageError when it cannot be one."""
    name = _checked("team", text, _TEAM_MARKS)
    if folded(name) in RESERVED_TEAMS:
        raise UsageError(f"no team can be called {name}", hint="it stands for what all teams have published")
    return name


def user_name(text: str) -> str:
    """Return a user's name, which may be a mail address. Raise UsageError when it cannot be one."""
    return _checked("user", text, _USER_MARKS)


def key_name(text: str) -> str:
    """Return what people call a key: any line of text. Raise UsageError when it is none."""
    name = text.strip()
    if not name or not name.isprintable() or len(name.encode()) > LONGEST_BYTES:
        raise UsageError(f"a key's name is one line of 1 to {LONGEST_BYTES} bytes")
    return name


def _checked(kind: str, text: str, marks: frozenset[str]) -> str:
    shown = printable(text[:LONGEST_BYTES])
    if not text or not text.isprintable() or len(text.encode()) > LONGEST_BYTES:
        raise UsageError(f"a {kind}'s name is 1 to {LONGEST_BYTES} bytes of printable text, not {shown!r}")
    if unicodedata.normalize("NFC", text) != text:
        raise UsageError(f"the {kind}'s name {shown!r} is not in Unicode's normal form C", hint="type it again")
    wrong = next((char for char in text if not (_is_of_words(char) or char in marks) or _INVISIBLE.match(char)), None)
    if wrong is not None:
        allowed = " ".join(sorted(marks - {" "})) + (" and spaces" if " " in marks else "")
        raise UsageError(f"a {kind}'s name has no {wrong!r} in it: {shown!r}", hint=f"use letters, digits, {allowed}")
    if not (_is_of_words(text[0]) and _is_of_words(text[-1])):
        raise UsageError(f"a {kind}'s name begins and ends with a letter or a digit, not as {shown!r} does")
    return text


def _is_of_words(char: str) -> bool:
    """Return whether a character is a letter, a mark on one, or a digit, of any script."""
    return unicodedata.category(char)[0] in {"L", "M"} or unicodedata.category(char) == "Nd"
