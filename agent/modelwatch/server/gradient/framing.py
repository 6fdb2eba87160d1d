"""
The frame that Gradient's client puts around the file that it uploads.

It sends ``multipart/form-data`` of one part, and does not say so in Content-Type (gradient-cli, `s3_uploader`). A file that is sent as it
is, by any other client, is taken as it is. Pure: bytes in, sizes out.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

LONGEST_HEAD_BYTES = 16 << 10

_HEAD = re.compile(
    rb"--(?P<boundary>[0-9A-Za-z\'()+_,./:=? -]{1,70})\r\n(?P<headers>(?:[A-Za-z0-9-]+:[^\r\n]*\r\n)*?)\r\n", re.DOTALL
)
_FIELD = re.compile(rb"(?i)^content-disposition:\s*form-data\s*;.*\bname=\"?file\"?", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Frame:
    """
    A frame.

    Attributes:
        head: Bytes before the content.
        tail: What follows it.
    """

    head: int
    tail: bytes


NONE = Frame(0, b"")
"""Of content that is sent as it is."""


def frame_of(beginning: bytes, *, is_all: bool) -> Frame | None:
    """
    Return the frame around a body.

    Args:
        beginning: Its first bytes.

        is_all: Nothing follows them.

    Returns:
        The frame, `NONE` for a body without, None when more bytes are needed to tell.
    """
    if beginning and not b"--".startswith(beginning[:2]):
        return NONE
    match = _HEAD.match(beginning)
    if match is None:
        return NONE if is_all or len(beginning) >= LONGEST_HEAD_BYTES else None
    if not _FIELD.search(match["headers"]):
        return NONE
    return Frame(match.end(), b"\r\n--" + match["boundary"] + b"--\r\n")
