"""
The texts that prove who somebody is: API keys and session tokens, how they are made, and what is kept of them.

Each carries 256 random bits. Nothing can be guessed about those, so a plain SHA-256 is what is kept: a slow hash, as passwords need, would
only slow down every request (docs/adr/0042-accounts.md).
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from base64 import urlsafe_b64encode
from dataclasses import dataclass

_SECRET_BYTES = 32
_PUBLIC_LETTERS = "abcdefghijkmnpqrstuvwxyz23456789"  # without l, o, 0 and 1, which people take for one another
_PUBLIC_LENGTH = 8
_KEY = re.compile(rf"(?P<prefix>mw_[{_PUBLIC_LETTERS}]{{{_PUBLIC_LENGTH}}})_[A-Za-z0-9_-]{{43}}")
_PREFIX = re.compile(rf"(?:mw_)?(?P<letters>[{_PUBLIC_LETTERS}]{{{_PUBLIC_LENGTH}}})(?:_[A-Za-z0-9_-]{{43}})?")

NOTHING = bytes(32)
"""Compared with when there is nothing to compare with, so that this takes the same time; the digest of no text that anybody knows."""


@dataclass(frozen=True, slots=True)
class SecretText:
    """
    A key or a token as somebody showed it.

    Attributes:
        prefix: The public part of a key, as ``mw_4kq7m2xa``; empty for a token.
        digest: What may be kept of the whole.
    """

    prefix: str
    digest: bytes

    def is_of(self, digest: bytes) -> bool:
        """Return whether this is the text whose digest was kept. Takes as long either way."""
        return hmac.compare_digest(self.digest, digest)


def new_key() -> str:
    """Return a new key: ``mw_``, 8 public letters, ``_`` and 43 letters of base64url."""
    public = "".join(secrets.choice(_PUBLIC_LETTERS) for _ in range(_PUBLIC_LENGTH))
    return f"mw_{public}_{secrets.token_urlsafe(_SECRET_BYTES)}"


def read_key(text: str) -> SecretText | None:
    """Return a key, or None for a text that has not the form of one."""
    match = _KEY.fullmatch(text)
    return SecretText(match["prefix"], _digest(text)) if match else None


def read_prefix(text: str) -> str | None:
    """Return the public part of a key that somebody names: by it, with or without ``mw_``, or by the whole key."""
    match = _PREFIX.fullmatch(text.strip())
    return f"mw_{match['letters']}" if match else None


def new_token() -> str:
    """Return a new session token."""
    return secrets.token_urlsafe(_SECRET_BYTES)


def read_token(text: str) -> SecretText:
    """Return a session token."""
    return SecretText("", _digest(text))


def csrf_token(token: str) -> str:
    """Return what the forms of a session carry. It follows from the session's token alone, so it is kept nowhere."""
    return urlsafe_b64encode(hmac.digest(token.encode(), b"modelwatch csrf", "sha256")).rstrip(b"=").decode()


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
