"""What was deleted and can be restored: whole models, and versions of models that are still there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from modelwatch.repository.events import ModelDeleted, VersionDeleted
from modelwatch.repository.folding import Itself, Subject
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
            contents = read_contents(storage, place)
            found += restorable(place.model_id(repository_id), _name(contents), contents.itself, _gone(contents), now)
    return latest_first(found)


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


def restorable(model_id: str, name: str, itself: Itself, gone: Mapping[int, VersionDeleted], now: float) -> Iterator[Deleted]:
    """
    Give what can be restored of one model.

    Args:
        model_id: Its id.

        name: Its name.

        itself: What events have made of it.

        gone: The versions that were deleted, alone or with the model, by number.

        now: Seconds since the epoch.
    """
    floor = itself.floor
    latest = next((deletion for deletion in itself.deletions if deletion.through == floor), None)
    if latest is not None and latest.keep_until > now:  # only the latest can be taken back
        below = max((deletion.through for deletion in itself.deletions if deletion.through < floor), default=0)
        with_it = tuple(number for number, deletion in gone.items() if below < number <= floor and deletion.with_model)
        yield Deleted(name, model_id, None, with_it, latest.time, latest.keep_until)
    for number, deletion in gone.items():
        if number > floor and deletion.keep_until > now:
            yield Deleted(name, model_id, number, (number,), deletion.time, deletion.keep_until)


def latest_first(found: Iterable[Deleted]) -> tuple[Deleted, ...]:
    """Return them in the order in which they are shown."""
    return tuple(sorted(found, key=lambda each: (-each.deleted, each.model, each.version or 0)))


def _gone(contents: Contents) -> dict[int, VersionDeleted]:
    deletions = {number: contents.subjects.get(document.key, Subject()).deletion for number, document in contents.documents.items()}
    return {number: deletion for number, deletion in deletions.items() if deletion is not None}


def _name(contents: Contents) -> str:
    known = contents.itself.name or decode_name(contents.place.model_part)
    return known or next((document.registration.model for document in contents.documents.values()), "")
