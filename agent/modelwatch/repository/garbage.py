"""
Removing content that no version needs any more: mark what every claim refers to, sweep the rest.

A claim counts whether or not it has become a version yet, so that a registration killed half-way completes; a deleted version's
claim does not count. Collecting holds the repository's lock alone: nobody registers meanwhile.
"""

from __future__ import annotations

from dataclasses import dataclass

from modelwatch.core.digest import Digest
from modelwatch.core.entities import Storage
from modelwatch.core.steps import reached
from modelwatch.repository.layout import LOCK
from modelwatch.repository.reading import MalformedError, Problem, places, read_contents, read_document
from modelwatch.repository.storage.directory import DirectoryStorage


@dataclass(frozen=True, slots=True)
class Collected:
    """
    What a collection removed.

    Attributes:
        blobs: How many.
        size_bytes: Of them together.
        blocked_by: Claims that cannot be read: what they refer to is unknown, so nothing was removed.
    """

    blobs: int = 0
    size_bytes: int = 0
    blocked_by: tuple[Problem, ...] = ()


def collect_garbage(storage: DirectoryStorage, *, wait: bool) -> Collected:
    """
    Remove unreferenced blobs and what killed writers left half-written.

    Args:
        storage: Where.

        wait: Wait until running registrations have ended.

    Raises:
        LockedError: A registration runs and `wait` is false.

        OSError: The repository cannot be written.
    """
    with storage.locked(LOCK, wait=wait):
        storage.remove_leftovers()
        needed, problems = _referenced(storage)
        if problems:
            return Collected(blocked_by=tuple(problems))
        count = size = 0
        for digest in list(storage.blobs()):
            if digest not in needed:
                size += storage.remove_blob(digest)
                count += 1
                reached("repository.blob-removed")
        return Collected(count, size)


def _referenced(storage: DirectoryStorage) -> tuple[set[Digest], list[Problem]]:
    needed: set[Digest] = set()
    problems: list[Problem] = []
    for place in places(storage):
        subjects = read_contents(storage, place).subjects
        for name in storage.names(place.registrations):
            try:
                document = read_document(storage, f"{place.registrations}/{name}")
            except MalformedError as error:
                problems.append(error.problem)
                continue
            if document is None or document.registration.storage is Storage.REFERENCE:
                continue
            subject = subjects.get(document.key)
            if subject is None or not subject.deleted:
                needed.update(entry.digest for entry in document.registration.manifest.entries)
    return needed, problems
