"""
What events make of a version and of a model: folds over small values. Pure: nothing here touches a disk.

Events about a model itself change no version, and events about a version nothing but that version: each is folded by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from modelwatch.repository.events import (
    Event,
    MetricsReplaced,
    ModelDeleted,
    ModelRenamed,
    ModelRestored,
    NotesSet,
    Published,
    TagsChanged,
    VersionDeleted,
    VersionRestored,
)


@dataclass(frozen=True, slots=True)
class Subject:
    """
    What events have made of one version, or of a model.

    Attributes:
        tags: Sorted.
        notes: The latest, or None when no event has set any.
        replaced: The latest metrics, or None when no event has replaced them.
        deletion: That it was deleted and not restored since, or None.
        modified: Time of the latest event in seconds since the epoch, 0 when there is none.
    """

    tags: tuple[str, ...] = ()
    notes: str | None = None
    replaced: MetricsReplaced | None = None
    deletion: VersionDeleted | None = None
    modified: float = 0.0

    @property
    def deleted(self) -> bool:
        """Whether it was deleted."""
        return self.deletion is not None

    def after(self, event: Event) -> Subject:
        """Return the subject after one more event; what is not about its tags, notes, metrics or deletion only counts as a change."""
        subject = replace(self, modified=max(self.modified, event.time))
        match event:
            case TagsChanged():
                return replace(subject, tags=tuple(sorted((set(self.tags) - set(event.remove)) | set(event.add))))
            case NotesSet():
                return replace(subject, notes=event.text)
            case MetricsReplaced():
                return replace(subject, replaced=event)
            case VersionDeleted():
                return replace(subject, deletion=event)
            case VersionRestored():
                return replace(subject, deletion=None)
            case _:
                return subject


@dataclass(frozen=True, slots=True)
class Itself:
    """
    What events have made of a model itself, apart from its versions.

    Attributes:
        subject: Its tags and notes.
        name: What it was renamed to, or None: it has the name that its place tells. Outlives a deletion: names lead to places.
        public: Whether anyone may read it.
        deletions: Those that were not taken back, in order.
    """

    subject: Subject = Subject()
    name: str | None = None
    public: bool = False
    deletions: tuple[ModelDeleted, ...] = ()

    @property
    def floor(self) -> int:
        """Versions up to this number belong to a model that was deleted."""
        return max((deletion.through for deletion in self.deletions), default=0)

    @classmethod
    def of(cls, events: Sequence[Event]) -> Itself:
        """Return what all events about a model itself, in their order, have made of it."""
        standing = standing_deletions(events)
        subject, name, public = Subject(), None, False
        for index, event in enumerate(events):
            subject = subject.after(event)
            match event:
                case ModelDeleted() if index in standing:
                    subject, public = Subject(), False
                case ModelRenamed():
                    name = event.name
                case Published():
                    public = event.public
                case _:
                    pass
        return cls(subject, name, public, tuple(standing.values()))


def standing_deletions(events: Sequence[Event]) -> dict[int, ModelDeleted]:
    """Return the deletions that were not taken back, by their position: restored is what counts as if it had not been deleted."""
    standing: dict[int, ModelDeleted] = {}
    for index, event in enumerate(events):
        match event:
            case ModelDeleted():
                standing[index] = event
            case ModelRestored():
                standing = {at: deletion for at, deletion in standing.items() if deletion.through != event.through}
            case _:
                pass
    return standing
