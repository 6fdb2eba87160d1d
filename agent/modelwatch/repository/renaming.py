"""
Names that lead to a model which has its place elsewhere.

A model keeps its place and its id for ever. Another name is a directory that holds one document, which tells the place: created
exclusively, so that a name leads to one model, and never taken back, so that a training that goes on under an earlier name goes on with
the same model.
"""

from __future__ import annotations

import time

from modelwatch.core.json import dumps
from modelwatch.repository.layout import Place
from modelwatch.repository.reading import MalformedError, read_redirect
from modelwatch.repository.storage.directory import DirectoryStorage


def find_place(storage: DirectoryStorage, team: str, name: str) -> Place:
    """
    Return where the model of a name is, or would be.

    Raises:
        ValueError: A name is empty.

        OSError: The repository cannot be read.
    """
    place = Place.of(team, name)
    return _leads_to(storage, place) or place


def _leads_to(storage: DirectoryStorage, place: Place) -> Place | None:
    """Return the place that a name's own directory leads to, None when it leads nowhere else. Followed once: a redirect names a place."""
    try:
        return read_redirect(storage, place)
    except MalformedError:  # its writer died in it, on a file system without hard links
        return None


def lead(storage: DirectoryStorage, name: Place, to: Place) -> Place:
    """
    Let a name lead to a model, unless it has one. Call while the lock of the name's own directory is held: nobody registers under it then.

    Args:
        storage: Where.

        name: The name's own directory.

        to: The model's place.

    Returns:
        Where the name leads to now: another place than `to` when the name is taken.

    Raises:
        OSError: The repository cannot be written.
    """
    if any(storage.names(prefix) for prefix in (name.registrations, name.versions, name.events)):
        return name
    data = dumps({"to": to.model_part, "time": time.time()}).encode("ascii")
    if not storage.create(name.renamed, data) and _leads_to(storage, name) is None:
        storage.replace(name.renamed, data)
    return _leads_to(storage, name) or name
