"""
Taking deletions back.

A program that does not know of it counts a restored version as deleted still, and would take away its content. So the version gets a
guard first: a claim under a key that no version will ever have, which such a program counts as a registration yet to be finished.
"""

from __future__ import annotations

import time
from collections.abc import Mapping

from modelwatch.core.digest import Digest
from modelwatch.core.entities import Storage
from modelwatch.core.errors import NotFoundError, PermanentError
from modelwatch.core.json import dumps, finite
from modelwatch.core.steps import reached
from modelwatch.repository.events import ModelRestored, VersionRestored
from modelwatch.repository.folding import Subject
from modelwatch.repository.layout import Place
from modelwatch.repository.reading import Contents, Document
from modelwatch.repository.storage.directory import DirectoryStorage
from modelwatch.repository.writing import append_event, missing_content


def restore_version(storage: DirectoryStorage, contents: Contents, number: int, name: str) -> None:
    """
    Take the deletion of one version back; nothing to do when it is not deleted. Call while its model's lock is held.

    Args:
        storage: Where.

        contents: What the model's directory holds.

        number: Which version.

        name: The model's, for people.

    Raises:
        NotFoundError: There is no such version, or its whole model was deleted.

        PermanentError: Its content was removed.

        OSError: The repository cannot be written.
    """
    document = contents.documents.get(number)
    if document is None:
        raise NotFoundError(f"model {name!r} never had a version {number}")
    if number <= contents.itself.floor:
        raise NotFoundError(f"version {number} was deleted with its whole model {name!r}", hint="restore the model first")
    if contents.subjects.get(document.key, Subject()).deleted:
        _restore(storage, contents.place, {number: document}, name)


def restore_model(storage: DirectoryStorage, contents: Contents, name: str) -> None:
    """
    Take the latest deletion of a model back, with those of the versions that were deleted because of it; nothing to do when there is none.

    Call while the model's lock is held. Killed half-way and called again, it completes.

    Args:
        storage: Where.

        contents: What the model's directory holds.

        name: The model's, for people.

    Raises:
        PermanentError: The content of a version was removed. Nothing was restored.

        OSError: The repository cannot be written.
    """
    if not contents.itself.deletions:
        return
    through = contents.itself.floor
    below = max((deletion.through for deletion in contents.itself.deletions if deletion.through < through), default=0)
    found = {
        number: document
        for number, document in contents.documents.items()
        if below < number <= through and _went_with_model(contents, document)
    }
    _restore(storage, contents.place, found, name)
    append_event(storage, contents.place, None, ModelRestored(time.time(), through))


def _went_with_model(contents: Contents, document: Document) -> bool:
    deletion = contents.subjects.get(document.key, Subject()).deletion
    return deletion is not None and deletion.with_model


def _restore(storage: DirectoryStorage, place: Place, found: Mapping[int, Document], name: str) -> None:
    lost = [number for number, document in found.items() if missing_content(storage, document.registration)]
    if lost:
        which = f"version {lost[0]}" if len(lost) == 1 else f"versions {', '.join(map(str, lost))}"
        raise PermanentError(f"{which} of model {name!r} cannot be restored: the content was removed since the deletion")
    for document in found.values():
        if document.registration.storage is Storage.COPY:
            _guard(storage, place, document)
        append_event(storage, place, document.key, VersionRestored(time.time(), document.key))


def _guard(storage: DirectoryStorage, place: Place, document: Document) -> None:
    key = Digest.of_json(["guard", document.key]).hex
    body = {**document.registration.to_json(), "key": key, "registered": document.registered, "guards": document.key}
    storage.create(place.registration(key), dumps(finite(body)).encode("ascii"))
    reached("repository.content-guarded")
