"""Which server: from what people write to one text for each server, which the journal can know it by."""

from __future__ import annotations

from modelwatch.core.errors import UsageError

_DEFAULT_PORTS = {"http": 80, "https": 443}


def is_server(repository: str) -> bool:
    """Return whether `--repository` names a server, and not a folder."""
    return repository.partition("://")[0].lower() in _DEFAULT_PORTS and "://" in repository


def server_address(text: str) -> str:
    """
    Return the address of a server in its one spelling: without a slash at the end, a default port or capitals in its host.

    What a proxy serves it below stays: ``https://example.org/models`` is not ``https://example.org``.

    Raises:
        UsageError: It is not the address of a server, or holds a password, which would be shown wherever the address is.
    """
    from urllib.parse import urlsplit  # noqa: PLC0415 - an agent whose repository is a folder goes without it

    try:
        parts = urlsplit(text.strip())
        port = parts.port
    except ValueError as error:
        raise UsageError(f"not the address of a server: {text!r}: {error}") from error
    if "@" in parts.netloc:
        raise UsageError("the address of a server holds no password", hint="give the key with --apiKey, or in MODELWATCH_API_KEY")
    if parts.scheme not in _DEFAULT_PORTS or not parts.hostname or parts.query or parts.fragment:
        raise UsageError(f"not the address of a server: {text!r}", hint="write https://models.example.org")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{parts.scheme}://{host}{'' if port in {None, _DEFAULT_PORTS[parts.scheme]} else f':{port}'}{parts.path.rstrip('/')}"
