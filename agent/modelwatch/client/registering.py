"""Making a version on a server: the server says which content it lacks, gets it, and is asked again."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from modelwatch.client.connection import Answer, Connection
from modelwatch.client.failures import no_server
from modelwatch.client.sending import Advance, Content, Sender
from modelwatch.core.digest import Digest
from modelwatch.core.entities import Receipt, Registration
from modelwatch.core.errors import PermanentError, TransientError
from modelwatch.core.json import JsonValue

_ROUNDS = 3
"""More than one is needed only when the server has lost content since it took it."""


def register(
    connection: Connection, sender: Sender, registration: Registration, files: Mapping[Digest, Path] | None, advance: Advance
) -> Receipt:
    """
    Make the version of a registration, or return the receipt of the one that has its key already.

    Args:
        connection: To the server.

        sender: Of the registration's team.

        registration: What to register.

        files: Where the content is, by digest; None when there is none to send.

        advance: Is told the bytes sent, or found on the server, since the last call.

    Raises:
        PermanentError: The server needs content that `files` does not have, or refuses the version.

        TransientError, AccessError, NotFoundError: As `Connection`.
    """
    path = connection.path("teams", registration.team, "registrations", registration.key)
    body = registration.to_json()
    sizes = {entry.digest: entry.size for entry in registration.manifest.entries}
    for attempt in range(_ROUNDS):
        answer = connection.request("PUT", path, body=body, also={409})
        if answer.error is None:
            if not attempt:
                advance(sum(sizes.values()))
            return receipt_of(connection, answer.value)
        missing = _missing(connection, answer, sizes)
        if not attempt:
            advance(sum(size for digest, size in sizes.items() if digest not in missing))
        if files is None:
            raise PermanentError(f"model {registration.model!r}: its files are to be copied but there is no snapshot of them")
        sender.send([Content(digest, sizes[digest], files[digest]) for digest in missing], advance)
    raise TransientError(f"{connection.url} asks again and again for content that it has taken")


def _missing(connection: Connection, answer: Answer, sizes: Mapping[Digest, int]) -> list[Digest]:
    """Return the contents that the server asks for, each once. Raise what a conflict of another kind means."""
    try:
        missing = list(dict.fromkeys(Digest.parse(each["digest"]) for each in answer.value["missing"]))
    except (ValueError, KeyError, TypeError):
        missing = []
    if not missing and answer.error is not None:
        raise answer.error
    if not sizes.keys() >= set(missing):
        raise no_server(connection.url, "it asks for content that is not of this version")
    return missing


def receipt_of(connection: Connection, value: JsonValue) -> Receipt:
    """Return the receipt that the server has answered with. Raise TransientError when it is none."""
    try:
        return Receipt.from_json(value)
    except (KeyError, TypeError, AttributeError) as error:
        raise no_server(connection.url, f"no receipt: {error!r}") from error
