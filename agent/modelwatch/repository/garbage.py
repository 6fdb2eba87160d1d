"""
Removing content that no version needs any more: mark what every claim refers to, sweep the rest.

A claim counts whether or not it has become a version yet, so that a registration killed half-way completes; a deleted version's
claim does not count once the time is over in which it can be restored. Content that came ahead of its registration has no claim yet: what is young stays, unless a version that had it
was deleted since. Collecting holds the repository's lock alone: nobody registers meanwhile.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from modelwatch.core.digest import Digest
from modelwatch.core.entities import Storage
from modelwatch.core.steps import reached
from modelwatch.repository.folding import Subject
from modelwatch.repository.layout import LOCK
from modelwatch.repository.reading import MalformedError, Problem, places, read_contents, read_document
from modelwatch.repository.runs import remove_lost_reports
from modelwatch.repository.storage.directory import DirectoryStorage

GRACE_SECONDS = 86400.0
"""How long content is kept that came and has no registration yet, and an upload that nobody goes on with."""


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
    Remove unreferenced blobs, the run reports of models that are gone for good, and what killed writers left half-written.

    Args:
        storage: Where.

        wait: Wait until running registrations have ended.

    Raises:
        LockedError: A registration runs and `wait` is false.

        OSError: The repository cannot be written.
    """
    with storage.locked(LOCK, wait=wait):
        now = time.time()
        young_from = now - GRACE_SECONDS
        storage.remove_leftovers(uploads_before=young_from)
        marked = _mark(storage, now)
        if marked.problems:
            return Collected(blocked_by=tuple(marked.problems))
        count = size = 0
        for digest in list(storage.blobs()):
            if digest in marked.needed:
                continue
            written = storage.blob_written(digest)
            if written <= max(young_from, marked.released.get(digest, 0.0)):
                size += storage.remove_blob(digest)
                count += 1
                reached("repository.blob-removed")
        for place in places(storage):
            remove_lost_reports(storage, place, now)
        return Collected(count, size)


@dataclass(slots=True)
class _Marked:
    """
    What the claims say.

    Attributes:
        needed: What versions have that are not deleted, that can be restored, or that come to be.
        released: When the last deletion of a version was that had a content.
        problems: Claims that cannot be read.
    """

    needed: set[Digest] = field(default_factory=set)
    released: dict[Digest, float] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)


def _mark(storage: DirectoryStorage, now: float) -> _Marked:
    marked = _Marked()
    for place in places(storage):
        subjects = read_contents(storage, place).subjects
        for name in storage.names(place.registrations):
            try:
                document = read_document(storage, f"{place.registrations}/{name}")
            except MalformedError as error:
                marked.problems.append(error.problem)
                continue
            if document is None or document.guards is not None or document.registration.storage is Storage.REFERENCE:
                continue
            deletion = subjects.get(document.key, Subject()).deletion
            digests = {entry.digest for entry in document.registration.manifest.entries}
            if deletion is None or now < deletion.keep_until:
                marked.needed |= digests
            else:
                marked.released |= {digest: max(deletion.time, marked.released.get(digest, 0.0)) for digest in digests}
    return marked
