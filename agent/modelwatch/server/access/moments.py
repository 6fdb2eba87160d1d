"""
Moments in a repository's history, given out so that who comes back hears what has changed since, and learns nothing else from them.

The index counts the changes of all teams together: the number itself would tell how busy others are. So a moment is encrypted, with eight
bytes of HMAC-SHA-256 over a salt that is new each time, and signed, for whoever could change single bits of it and ask again would
learn the number from the answers.
"""

from __future__ import annotations

import hashlib
import hmac
import os

_SALT_BYTES = 16
_NUMBER_BYTES = 8
_TAG_BYTES = 16


class Moments:
    """
    Seals and opens moments.

    Args:
        secret: At least 32 random bytes that only the server knows; who changes it makes invalid what was given out.
    """

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def sealed(self, generation: int) -> str:
        """Return a text of 80 hexadecimal digits for a generation of the index, another one each time."""
        salt = os.urandom(_SALT_BYTES)
        body = salt + self._mixed(salt, generation.to_bytes(_NUMBER_BYTES, "big"))
        return (body + self._tag(body)).hex()

    def opened(self, text: str) -> int | None:
        """Return the generation that a text is for, or None when this server has not given it out."""
        try:
            data = bytes.fromhex(text)
        except ValueError:
            return None
        body, tag = data[:-_TAG_BYTES], data[-_TAG_BYTES:]
        if not hmac.compare_digest(self._tag(body), tag):
            return None
        return int.from_bytes(self._mixed(body[:_SALT_BYTES], body[_SALT_BYTES:]), "big")

    def _mixed(self, salt: bytes, number: bytes) -> bytes:
        return bytes(one ^ other for one, other in zip(number, self._derived(b"number", salt), strict=False))

    def _tag(self, body: bytes) -> bytes:
        return self._derived(b"tag", body)[:_TAG_BYTES]

    def _derived(self, purpose: bytes, data: bytes) -> bytes:
        return hmac.digest(self._secret, b"modelwatch moment\n" + purpose + b"\n" + data, hashlib.sha256)
