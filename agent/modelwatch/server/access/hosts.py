"""Names of hosts, as requests and options give them. Pure: no name server is asked."""

from __future__ import annotations

import ipaddress
import re

_HOST = re.compile(r"(?P<name>\[[0-9a-fA-F:.]+\]|[A-Za-z0-9_.-]+)(?P<port>:[0-9]{1,5})?")


def host_name(header: str) -> str | None:
    """Return the name in a Host header, lower-case and without port, or None when it is none."""
    match = _HOST.fullmatch(header)
    return match["name"].strip("[]").lower().rstrip(".") if match else None


def is_loopback(name: str) -> bool:
    """Return whether a host's name means this machine, whatever any name server says."""
    if name == "localhost" or name.endswith(".localhost"):  # RFC 6761, section 6.3
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def is_numeric(name: str) -> bool:
    """Return whether a host's name is an IP address."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
