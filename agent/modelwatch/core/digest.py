"""Content digests as OCI writes them: ``sha256:<64 hex digits>``."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from modelwatch.core.json import JsonValue, dumps

_HEX = re.compile(r"[0-9a-f]{64}\Z")


@dataclass(frozen=True, slots=True, order=True)
class Digest:
    """
    The SHA-256 digest of some bytes.

    Source: OCI image specification, descriptor digests.

    Attributes:
        hex: 64 lower-case hexadecimal digits.
    """

    hex: str

    def __post_init__(self) -> None:
        """Refuse anything that is not a SHA-256 digest, with ValueError."""
        if not _HEX.match(self.hex):
            raise ValueError(f"not a sha256 digest: {self.hex!r}")

    def __str__(self) -> str:
        return f"sha256:{self.hex}"

    @classmethod
    def parse(cls, text: str) -> Digest:
        """Read ``sha256:<hex>``. Raise ValueError for anything else."""
        algorithm, _, value = text.partition(":")
        if algorithm != "sha256":
            raise ValueError(f"not a sha256 digest: {text!r}")
        return cls(value)

    @classmethod
    def of_bytes(cls, data: bytes) -> Digest:
        """Return the digest of `data`."""
        return cls(hashlib.sha256(data).hexdigest())

    @classmethod
    def of_json(cls, value: JsonValue) -> Digest:
        """Return the digest of the canonical JSON text of `value`."""
        return cls.of_bytes(dumps(value).encode("ascii"))
