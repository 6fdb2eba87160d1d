r"""
Names of files as they are handed to programs that save them elsewhere: archives that somebody unpacks, and what Gradient's client joins to a folder.

A path in a version is clean where it was registered. On Windows ``\`` and ``:`` lead elsewhere, and dots and spaces at the end of a
name are dropped, so that ``.. `` is ``..``; characters that no terminal shows lead people astray, and bytes that are no text cannot be written. All of
those are told as ``%`` and two hexadecimal digits. Pure.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence

_LEADS_ELSEWHERE = re.compile(r"[\\:\x00-\x1f\x7f]|[. ]+(?=/|\Z)")
_NO_TEXT = re.compile("[\ud800-\udfff]+")


def names_to_save(paths: Sequence[str]) -> list[str]:
    """Return what each of a version's paths is called elsewhere: as it is where that is safe, and no two the same."""
    plain = {path for path in paths if _safe(path) == path}
    given: set[str] = set(plain)
    names = []
    for path in paths:
        name = path if path in plain else _free(_safe(path), given)
        given.add(name)
        names.append(name)
    return names


def _safe(path: str) -> str:
    return _LEADS_ELSEWHERE.sub(lambda match: _escaped(match[0]), _NO_TEXT.sub(lambda match: _escaped(match[0]), path))


def _escaped(text: str) -> str:
    try:
        data = os.fsencode(text)
    except UnicodeEncodeError:  # a surrogate that stands for no byte
        data = text.encode("utf-8", "surrogatepass")
    return "".join(f"%{byte:02X}" for byte in data)


def _free(name: str, taken: set[str]) -> str:
    number, free = 1, name
    while free in taken:
        number, free = number + 1, f"{name}~{number + 1}"
    return free
