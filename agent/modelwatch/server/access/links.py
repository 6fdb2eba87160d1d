"""
Links that authorise themselves: signed, expiring, for one thing only.

A token is ``<payload>.<signature>`` in base64url without padding: the payload canonical JSON, the signature HMAC-SHA-256 over the
purpose and the payload with the server's secret. Nobody can make one or change one, and each says until when it holds.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from dataclasses import dataclass

from modelwatch.core.clock import Clock
from modelwatch.core.json import JsonValue, dumps, loads
from modelwatch.server.errors import RefusedError

LONGEST_SECONDS = 7 * 86400.0


@dataclass(frozen=True, slots=True)
class Link:
    """
    What a token says.

    Attributes:
        fields: What it is for.
        expires: Seconds since the epoch.
    """

    fields: JsonValue
    expires: float


class LinkSigner:
    """
    Makes and checks tokens.

    Args:
        secret: At least 32 random bytes that only the server knows; who changes it makes every link invalid.

        clock: The time.
    """

    def __init__(self, secret: bytes, clock: Clock) -> None:
        self._secret = secret
        self._clock = clock

    def token(self, purpose: str, fields: JsonValue, lifetime_seconds: float) -> str:
        """Return a token for one purpose that holds for a time, at most `LONGEST_SECONDS`."""
        expires = self._clock.now() + min(lifetime_seconds, LONGEST_SECONDS)
        payload = _encode(dumps({"fields": fields, "expires": expires}).encode("ascii"))
        return f"{payload}.{self._signature(purpose, payload)}"

    def read(self, purpose: str, token: str) -> Link:
        """
        Return what a token says.

        Raises:
            RefusedError: It was not made by this server for this purpose, or has expired.
        """
        payload, _, signature = token.partition(".")
        if not hmac.compare_digest(self._signature(purpose, payload).encode(), signature.encode("utf-8", "replace")):
            raise RefusedError("the link is not one of this server's", status=403, code="bad_link", hint="ask for a new one")
        try:
            value = loads(_decode(payload))
            link = Link(value["fields"], float(value["expires"]))
        except (ValueError, KeyError, TypeError, binascii.Error) as error:  # signed by us and yet not understood: an older release
            raise RefusedError("the link is of another release", status=403, code="bad_link", hint="ask for a new one") from error
        if link.expires < self._clock.now():
            raise RefusedError("the link has expired", status=403, code="expired_link", hint="ask for a new one")
        return link

    def _signature(self, purpose: str, payload: str) -> str:
        message = f"modelwatch link\n{purpose}\n{payload}".encode("utf-8", "replace")
        return _encode(hmac.digest(self._secret, message, hashlib.sha256))


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
