"""The training's command on its way from the supervisor's side to the agent: masked and of bounded length."""

from __future__ import annotations

import os
from collections.abc import Sequence

from modelwatch.core.json import dumps, loads
from modelwatch.lineage.secrets import masked_command

_MOST_WORDS = 200
_LONGEST_WORD = 1000
_LONGEST_CHARACTERS = 16_000
_CUT = "…"


def to_argument(command: Sequence[str]) -> str:
    """Return a command as one argument, for `from_argument`; only its first 200 words and 16,000 characters, without secrets."""
    shown: list[str] = []
    left = _LONGEST_CHARACTERS
    for word in masked_command(command):
        text = os.fsencode(word).decode("utf-8", "replace")
        if len(shown) == _MOST_WORDS or left <= 0:
            shown.append(_CUT)
            break
        shown.append(text if len(text) <= _LONGEST_WORD else text[:_LONGEST_WORD] + _CUT)
        left -= len(shown[-1])
    return dumps(shown)


def from_argument(text: str) -> tuple[str, ...]:
    """Return the command that an argument stands for. Raise ValueError when it is not from `to_argument`."""
    words = loads(text)
    if not isinstance(words, list) or not words:
        raise ValueError("not a list of words")
    return tuple(map(str, words))
