"""
Making versions.

The order of the writes is what makes a killed registration complete when it is run again:

    blobs → registrations/<key>.json (exclusive) → versions/<number>.json (exclusive)

Only the last makes the version visible. docs/repository.md gives the rules for every writer.
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import replace
from pathlib import Path

from modelwatch.core.entities import Manifest, ManifestEntry, Receipt, Registration, Snapshot, Storage
from modelwatch.core.errors import PermanentError
from modelwatch.core.json import dumps, finite
from modelwatch.core.steps import reached
from modelwatch.repository.events import Event
from modelwatch.repository.layout import Place, event_milliseconds, event_name
from modelwatch.repository.reading import MalformedError, event_files, find_number, read_document, version_numbers
from modelwatch.repository.storage.directory import ChangedError, DirectoryStorage


class MissingContentError(PermanentError):
    """
    A registration came before its content.

    Args:
        message: As every error's.

        missing: The files whose content is not there.
    """

    def __init__(self, message: str, *, missing: tuple[ManifestEntry, ...]) -> None:
        super().__init__(message, hint="bring the content, then register again")
        self.missing = missing


def store_blobs(storage: DirectoryStorage, manifest: Manifest, snapshot: Snapshot) -> None:
    """
    Put a snapshot's files into the repository, those that are not there yet.

    Our own immutable copies are linked where that is possible; what shares its inode with the trainer's file is always copied.

    Raises:
        PermanentError: The snapshot is gone, or does not hold what the manifest says.

        OSError: The repository cannot be written.
    """
    if snapshot.manifest != manifest:
        raise PermanentError(f"the snapshot {snapshot.folder} is not of the files to be registered")
    for entry in manifest.entries:
        source = Path(snapshot.folder, entry.path)
        if storage.has_blob(entry.digest, entry.size):
            if entry.path not in snapshot.linked:  # what the umask says is in the modes of our own copies alone
                with contextlib.suppress(OSError):
                    storage.widen_blob(entry.digest, source.lstat().st_mode)
            continue
        if entry.path not in snapshot.linked and storage.link_blob(source, entry.digest, entry.size):
            reached("repository.blob-stored")
            continue
        try:
            storage.put_blob(source, expected=entry.digest)
        except ChangedError as error:
            raise PermanentError(f"snapshot damaged: {error}") from error
        reached("repository.blob-stored")
    storage.sync_blobs(frozenset(entry.digest for entry in manifest.entries))
    reached("repository.blobs-durable")


def require_blobs(storage: DirectoryStorage, registration: Registration) -> None:
    """
    Make sure that all of a registration's content is in the repository. Call while its lock is held: it stays there then.

    Raises:
        MissingContentError: Something is not.

        PermanentError: It is by reference, and keeps no content in the repository at all.
    """
    if registration.storage is not Storage.COPY:
        raise PermanentError(
            f"model {registration.model!r}: its files are where they were, not in the repository",
            hint="only who sees the files can register them by reference",
        )
    missing = missing_content(storage, registration)
    if missing:
        shown = ", ".join(repr(entry.path) for entry in missing[:3]) + (", …" if missing[3:] else "")
        raise MissingContentError(
            f"model {registration.model!r}: the repository does not have the content of {shown}", missing=missing
        )


def missing_content(storage: DirectoryStorage, registration: Registration) -> tuple[ManifestEntry, ...]:
    """Return the files whose content the repository should have and has not."""
    if registration.storage is not Storage.COPY:
        return ()
    return tuple(entry for entry in registration.manifest.entries if not storage.has_blob(entry.digest, entry.size))


def next_upload(storage: DirectoryStorage, place: Place, registration: Registration) -> Registration:
    """
    Return an upload's registration as the first of these bytes that has become no version yet.

    Call while the model's lock is held.
    """
    count = 1
    while True:
        candidate = replace(registration, upload=str(count))
        if find_number(storage, place, candidate.key) is None:
            return candidate
        count += 1


def claim(storage: DirectoryStorage, place: Place, registration: Registration, now: float) -> Receipt:
    """
    Make the version of a registration whose blobs are stored, or find the one that it became before.

    Call while the model's lock is held. Without a lock that works (some network file systems) two callers with one key may number
    it twice; readers then ignore the higher number.

    Raises:
        OSError: The repository cannot be written.
    """
    key = registration.key
    claim_key = place.registration(key)
    data = dumps(finite({**registration.to_json(), "registered": now})).encode("ascii")
    number = None
    if not storage.create(claim_key, data):
        try:
            read_document(storage, claim_key)
        except MalformedError:  # its writer died in it, on a file system without hard links
            storage.replace(claim_key, data)
        number = find_number(storage, place, key)
    reached("repository.registration-claimed")
    if number is None:
        number = _take_number(storage, place, claim_key)
    reached("repository.version-linked")
    return receipt(storage, place, registration.model, number)


def _take_number(storage: DirectoryStorage, place: Place, claim_key: str) -> int:
    number = max(version_numbers(storage, place), default=0) + 1
    while not storage.link(claim_key, place.version(number)):
        number += 1
    return number


def receipt(storage: DirectoryStorage, place: Place, model: str, number: int) -> Receipt:
    """Return the receipt of a version."""
    return Receipt(model, str(number), str(storage.path(place.version(number))))


def append_event(storage: DirectoryStorage, place: Place, registration_key: str | None, event: Event) -> None:
    """
    Append an event to a model's. Call while the model's lock is held: it sorts after every other then, whatever the clocks say.

    Args:
        storage: Where.

        place: Which model.

        registration_key: The version that it is about, None for the model itself.

        event: What happened.

    Raises:
        OSError: The repository cannot be written.
    """
    names = event_files(storage, place)
    latest = 0
    for name in reversed(names):
        try:
            latest = event_milliseconds(name.removesuffix(".json"))
        except ValueError:  # somebody else's file
            continue
        break
    data = dumps(finite(event.to_json())).encode("ascii")
    milliseconds = max(int(event.time * 1000), latest + 1)
    while not storage.create(f"{place.events}/{event_name(milliseconds, registration_key, os.urandom(5))}.json", data):
        milliseconds += 1
    reached("repository.event-appended")
