"""
Passwords: which are good enough, and what is kept of them.

Kept is ``$scrypt$ln=15,r=8,p=3$<salt>$<hash>`` (RFC 7914, written as the PHC string format has it), so that the cost can be raised later and old hashes
still be checked. The default is one of OWASP's equivalent settings, the one with 32 MiB, because several people may sign in at once.
https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import unicodedata
from base64 import b64decode, b64encode
from dataclasses import dataclass

from modelwatch.core.errors import UsageError
from modelwatch.server.accounts.names import folded

SHORTEST = 10
LONGEST = 1000

_SALT_BYTES = 16
_HASH_BYTES = 32
_SEALED = re.compile(r"\$scrypt\$ln=(\d{1,2}),r=(\d{1,2}),p=(\d{1,2})\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]+)")
_ONE_TIME_GROUPS = 4
_ONE_TIME_LETTERS = "abcdefghijkmnpqrstuvwxyz23456789"  # 5 bits each: 80 in all


@dataclass(frozen=True, slots=True)
class Cost:
    """
    What one guess costs.

    Attributes:
        log_n: Binary logarithm of scrypt's N; the memory is 128 · r · N bytes.
        r: Block size.
        p: How often it is done.
    """

    log_n: int = 15
    r: int = 8
    p: int = 3


DEFAULT_COST = Cost()


def checked_password(password: str, user: str) -> str:
    """Return a password that somebody chose. Raise UsageError when it is too easy to guess, saying nothing of it."""
    if not SHORTEST <= len(password) <= LONGEST:
        raise UsageError(
            f"a password has {SHORTEST} to {LONGEST} characters", hint="a few words that nobody else would put together"
        )
    if folded(user) in folded(password) and len(password) < len(user) + SHORTEST:
        raise UsageError("the password is little more than the user's name")
    if len(set(password)) <= 3:
        raise UsageError("the password repeats the same few characters")
    return password


def one_time_password() -> str:
    """Return a password to be read out or copied once."""
    groups = ("".join(secrets.choice(_ONE_TIME_LETTERS) for _ in range(4)) for _ in range(_ONE_TIME_GROUPS))
    return "-".join(groups)


def seal(password: str, cost: Cost) -> str:
    """Return what is kept of a password."""
    salt = secrets.token_bytes(_SALT_BYTES)
    return _written(cost, salt, _hash(password, salt, cost))


def nobodys(cost: Cost) -> str:
    """Return what no password matches, at the cost of one: checked for users who do not exist, so that they take the same time."""
    return _written(cost, secrets.token_bytes(_SALT_BYTES), secrets.token_bytes(_HASH_BYTES))


def matches(password: str, sealed: str) -> bool:
    """Return whether a password is the one that was sealed."""
    cost, salt, wanted = _read(sealed)
    return hmac.compare_digest(_hash(password, salt, cost), wanted)


def cost_of(sealed: str) -> Cost:
    """Return what a guess at a sealed password costs."""
    return _read(sealed)[0]


def _hash(password: str, salt: bytes, cost: Cost) -> bytes:
    data = unicodedata.normalize("NFKC", password).encode("utf-8", "surrogatepass")
    memory = 128 * cost.r * ((1 << cost.log_n) + cost.p + 2)
    return hashlib.scrypt(data, salt=salt, n=1 << cost.log_n, r=cost.r, p=cost.p, maxmem=memory, dklen=_HASH_BYTES)


def _written(cost: Cost, salt: bytes, digest: bytes) -> str:
    parts = (b64encode(part).rstrip(b"=").decode() for part in (salt, digest))
    return f"$scrypt$ln={cost.log_n},r={cost.r},p={cost.p}${'$'.join(parts)}"


def _read(sealed: str) -> tuple[Cost, bytes, bytes]:
    match = _SEALED.fullmatch(sealed)
    if match is None:
        raise ValueError("not a sealed password")
    salt, digest = (b64decode(part + "=" * (-len(part) % 4)) for part in match.group(4, 5))
    return Cost(*map(int, match.group(1, 2, 3))), salt, digest
