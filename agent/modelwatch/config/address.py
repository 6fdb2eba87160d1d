"""Where the agent and the server answer over HTTP."""

from __future__ import annotations

import re
import socket
from dataclasses import dataclass

OFF = "off"
_ADDRESS = re.compile(r"(?:\[(?P<six>[0-9A-Fa-f:.]+)\]|(?P<four>[0-9.]+|localhost)):(?P<port>[0-9]{1,5})")


@dataclass(frozen=True, slots=True)
class Address:
    """
    An address of this machine.

    Attributes:
        host: A numeric IPv4 or IPv6 address.
        port: 0 for any that is free.
        asked_for: Somebody chose it; otherwise doing without it is nothing to warn of.
    """

    host: str
    port: int
    asked_for: bool = True

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine reaches it."""
        return self.host.startswith("127.") or self.host == "::1"

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


DEFAULT = Address("127.0.0.1", 9321, asked_for=False)
"""Of an agent."""

SERVER_DEFAULT = Address("127.0.0.1", 9320, asked_for=False)


def address(text: str) -> Address | None:
    """Return the address that a text names, or None for ``off``. Names are not looked up: nobody waits for a name server here."""
    wanted = text.strip()
    if wanted.lower() == OFF:
        return None
    match = _ADDRESS.fullmatch(wanted)
    if not match or int(match["port"]) > 65535:
        raise ValueError("is not an address: write 127.0.0.1:9321, 0.0.0.0:9321, [::1]:9321 or off")
    host = match["six"] or match["four"].replace("localhost", "127.0.0.1")
    try:
        socket.inet_pton(socket.AF_INET6 if match["six"] else socket.AF_INET, host)
    except OSError:
        raise ValueError("is not an address: write 127.0.0.1:9321, 0.0.0.0:9321, [::1]:9321 or off") from None
    return Address(host, int(match["port"]))


def listening_address(text: str) -> Address:
    """Return the address that a text names; a server has one."""
    found = address(text)
    if found is None:
        raise ValueError("is not an address: write 127.0.0.1:9320, 0.0.0.0:9320 or [::1]:9320")
    return found


def external_url(text: str) -> str | None:
    """Return an address of the web without a slash at its end, or None for an empty text."""
    from urllib.parse import urlsplit  # noqa: PLC0415 - only a server needs it, and an agent must start at once

    wanted = text.strip().rstrip("/")
    if not wanted:
        return None
    parts = urlsplit(wanted)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment or parts.username:
        raise ValueError("is not an address of the web: write https://models.example.org")
    return wanted


def host_pattern(text: str) -> str:
    """Return a host's name in lower case, or ``*``."""
    wanted = text.strip().lower().rstrip(".")
    if wanted != "*" and not re.fullmatch(r"[a-z0-9_.-]+|\[[0-9a-f:.]+\]", wanted):
        raise ValueError("is not a host's name: write models.example.org, without a port")
    return wanted.strip("[]")
