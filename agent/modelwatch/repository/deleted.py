"""What was deleted and can be restored: whole models, and versions of models that are still there."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from modelwatch.repository.events import ModelDeleted, VersionDeleted
from modelwatch.repository.folding import Subject
from modelwatch.repository.layout import Place, decode_name
from modelwatch.repository.reading import Contents, MalformedError, event_files, read_contents, read_event
from modelwatch.repository.storage.directory import DirectoryStorage


@dataclass(frozen=True, slots=True)
class Deleted:
    """
    A model or a version that was deleted, whose content is kept for some time.

    Attributes:
        model: The model's name.
        model_id: Its id, which `restore_model` takes as well.
        version: The version's number, None for a whole model.
        versions: What comes back with a whole model; otherwise the version alone.
        deleted: When, in seconds since the epoch.
        until: Until when its content is kept.
    """

    model: str
    model_id: str
    version: int | None
    versions: tuple[int, ...]
    deleted: float
    until: float


def find_deleted(storage: DirectoryStorage, models: Iterable[Place], repository_id: str, now: float) -> tuple[Deleted, ...]:
    """Return what can be restored of some models, what was deleted last first. Raise OSError when a folder cannot be read."""
    found: list[Deleted] = []
    for place in models:
        if _keeps_something(storage, place, now):
            found += _deleted_of(read_contents(storage, place), place.model_id(repository_id), now)
    return tuple(sorted(found, key=lambda each: (-each.deleted, each.model, each.version or 0)))


def _keeps_something(storage: DirectoryStorage, place: Place, now: float) -> bool:
    """Return whether an event keeps content beyond `now`: documents, of which there are many more, need not be read otherwise."""
    for name in event_files(storage, place):
        try:
            event = read_event(storage, place, name)
        except MalformedError:
            continue
        if isinstance(event, (ModelDeleted, VersionDeleted)) and event.keep_until > now:
            return True
    return False


def _deleted_of(contents: Contents, model_id: str, now: float) -> list[Deleted]:
    floor = contents.itself.floor
    below = max((deletion.through for deletion in contents.itself.deletions if deletion.through < floor), default=0)
    name = _name(contents)
    found = []
    for deletion in contents.itself.deletions:
        if deletion.through == floor and deletion.keep_until > now:  # only the latest can be taken back
            with_it = tuple(number for number, gone in _gone(contents).items() if below < number <= floor and gone.with_model)
            found = [Deleted(name, model_id, None, with_it, deletion.time, deletion.keep_until)]
    for number, gone in _gone(contents).items():
        if number > floor and gone.keep_until > now:
            found.append(Deleted(name, model_id, number, (number,), gone.time, gone.keep_until))
    return found


def _gone(contents: Contents) -> dict[int, VersionDeleted]:
    deletions = {number: contents.subjects.get(document.key, Subject()).deletion for number, document in contents.documents.items()}
    return {number: deletion for number, deletion in deletions.items() if deletion is not None}


def _name(contents: Contents) -> str:
    known = contents.itself.name or decode_name(contents.place.model_part)
    return known or next((document.registration.model for document in contents.documents.values()), "")
