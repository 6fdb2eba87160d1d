"""
What happens to versions after they were registered: small immutable documents, applied in order of their names.

Unknown kinds are ignored, so that newer writers can add some.
"""

from __future__ import annotations

from dataclasses import dataclass

from modelwatch.core.entities import Metric
from modelwatch.core.json import JsonValue


@dataclass(frozen=True, slots=True)
class TagsChanged:
    """
    Tags were added and removed.

    Attributes:
        time: Seconds since the epoch.
        registration: Key of the version's registration, or None: the model itself.
        add: Tags that are set from now on.
        remove: Tags that no longer are.
    """

    time: float
    registration: str | None
    add: tuple[str, ...]
    remove: tuple[str, ...]

    def to_json(self) -> JsonValue:
        """Return the fields and the kind."""
        return {
            "kind": "tags",
            "time": self.time,
            "registration": self.registration,
            "add": list(self.add),
            "remove": list(self.remove),
        }


@dataclass(frozen=True, slots=True)
class NotesSet:
    """
    Notes were replaced.

    Attributes:
        time: Seconds since the epoch.
        registration: As in `TagsChanged`.
        text: The notes now.
    """

    time: float
    registration: str | None
    text: str

    def to_json(self) -> JsonValue:
        """Return the fields and the kind."""
        return {"kind": "notes", "time": self.time, "registration": self.registration, "text": self.text}


@dataclass(frozen=True, slots=True)
class MetricsReplaced:
    """
    More became known about a version.

    Attributes:
        time: Seconds since the epoch.
        registration: Key of the version's registration.
        metrics: All of its metrics now.
    """

    time: float
    registration: str
    metrics: tuple[Metric, ...]

    def to_json(self) -> JsonValue:
        """Return the fields and the kind."""
        return {
            "kind": "metrics",
            "time": self.time,
            "registration": self.registration,
            "metrics": [metric.to_json() for metric in self.metrics],
        }


@dataclass(frozen=True, slots=True)
class VersionDeleted:
    """
    A version was deleted: it is shown no more, its number is never used again, and its registration makes no other.

    Attributes:
        time: Seconds since the epoch.
        registration: Key of the version's registration.
    """

    time: float
    registration: str

    def to_json(self) -> JsonValue:
        """Return the fields and the kind."""
        return {"kind": "version-deleted", "time": self.time, "registration": self.registration}


@dataclass(frozen=True, slots=True)
class ModelDeleted:
    """
    A model was deleted. A version registered later brings the name back, without the old tags and notes.

    Attributes:
        time: Seconds since the epoch.
        through: The highest number that it had.
    """

    time: float
    through: int

    @property
    def registration(self) -> None:
        """As in `TagsChanged`: it is about the model itself."""
        return

    def to_json(self) -> JsonValue:
        """Return the fields and the kind."""
        return {"kind": "model-deleted", "time": self.time, "through": self.through}


Event = TagsChanged | NotesSet | MetricsReplaced | VersionDeleted | ModelDeleted


def event_from_json(value: JsonValue) -> Event | None:
    """
    Read an event.

    Returns:
        The event, or None when it is of a kind that this program does not know.

    Raises:
        ValueError, KeyError, TypeError, AttributeError: It is not an event.
    """
    kind, time = value["kind"], float(value["time"])
    match kind:
        case "tags":
            return TagsChanged(time, _subject(value), tuple(map(str, value["add"])), tuple(map(str, value["remove"])))
        case "notes":
            return NotesSet(time, _subject(value), str(value["text"]))
        case "metrics":
            metrics = tuple(Metric.from_json(metric) for metric in value["metrics"])
            return MetricsReplaced(time, str(value["registration"]), metrics)
        case "version-deleted":
            return VersionDeleted(time, str(value["registration"]))
        case "model-deleted":
            return ModelDeleted(time, int(value["through"]))
        case _:
            return None


def _subject(value: JsonValue) -> str | None:
    key = value.get("registration")
    return None if key is None else str(key)
