"""
Moments in a repository's history, given out so that who comes back hears what has changed since, and learns nothing else from them.

The index counts the changes of all teams together: the number itself would tell how busy others are. So it is mixed with eight bytes that
HMAC-SHA-256 makes of the server's secret and of eight random ones that go along, different each time.
"""

from __future__ import annotations

import hashlib
import hmac
import os

_HALF = 8


class Moments:
    """
    Seals and opens moments.

    Args:
        secret: At least 32 random bytes that only the server knows; who changes it makes those that were given out mean other moments.
    """

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def sealed(self, generation: int) -> str:
        """Return a text of 32 hexadecimal digits for a generation of the index, another one each time."""
        salt = os.urandom(_HALF)
        return (salt + self._mixed(salt, generation.to_bytes(_HALF, "big"))).hex()

    def opened(self, text: str) -> int | None:
        """Return the generation that a text is for, or None for what `sealed` cannot have returned. One that was made up means any moment."""
        try:
            both = bytes.fromhex(text)
        except ValueError:
            return None
        return int.from_bytes(self._mixed(both[:_HALF], both[_HALF:]), "big") if len(both) == 2 * _HALF else None

    def _mixed(self, salt: bytes, half: bytes) -> bytes:
        key = hmac.digest(self._secret, b"modelwatch moment\n" + salt, hashlib.sha256)
        return bytes(one ^ other for one, other in zip(half, key, strict=False))
