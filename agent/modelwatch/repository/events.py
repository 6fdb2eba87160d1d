"""
What happens to versions after they were registered: small immutable documents, applied in order of their names.

Unknown kinds are ignored, so that newer writers can add some.
"""

from __future__ import annotations

from collections.abc import Callable
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
        keep_until: Its content stays until then, in seconds since the epoch; 0: it may go at once.
        with_model: It was deleted because its whole model was, and comes back with it.
    """

    time: float
    registration: str
    keep_until: float = 0.0
    with_model: bool = False

    def to_json(self) -> JsonValue:
        """Return the fields and the kind."""
        return {
            "kind": "version-deleted",
            "time": self.time,
            "registration": self.registration,
            "keep_until": self.keep_until,
            "with_model": self.with_model,
        }


@dataclass(frozen=True, slots=True)
class VersionRestored:
    """
    The deletion of a version was taken back: it is as it was.

    Attributes:
        time: Seconds since the epoch.
        registration: Key of the version's registration.
    """

    time: float
    registration: str

    def to_json(self) -> JsonValue:
        """Return the fields and the kind."""
        return {"kind": "version-restored", "time": self.time, "registration": self.registration}


class _AboutTheModel:
    """What events about a model itself have in common."""

    __slots__ = ()

    @property
    def registration(self) -> None:
        """As in `TagsChanged`: it is about the model itself."""
        return


@dataclass(frozen=True, slots=True)
class ModelDeleted(_AboutTheModel):
    """
    A model was deleted. A version registered later brings the name back, without the old tags and notes.

    Attributes:
        time: Seconds since the epoch.
        through: The highest number that it had.
        keep_until: As in `VersionDeleted`, of all its versions.
    """

    time: float
    through: int
    keep_until: float = 0.0

    def to_json(self) -> JsonValue:
        """Return the fields and the kind."""
        return {"kind": "model-deleted", "time": self.time, "through": self.through, "keep_until": self.keep_until}


@dataclass(frozen=True, slots=True)
class ModelRestored(_AboutTheModel):
    """
    The deletion of a model was taken back, as if it had not been. Its versions each have an event of their own.

    Attributes:
        time: Seconds since the epoch.
        through: What the deletion said.
    """

    time: float
    through: int

    def to_json(self) -> JsonValue:
        """Return the fields and the kind."""
        return {"kind": "model-restored", "time": self.time, "through": self.through}


@dataclass(frozen=True, slots=True)
class ModelRenamed(_AboutTheModel):
    """
    A model is called otherwise from now on; `modelwatch.repository.renaming` makes the name lead to it.

    Attributes:
        time: Seconds since the epoch.
        name: The new name.
    """

    time: float
    name: str

    def to_json(self) -> JsonValue:
        """Return the fields and the kind."""
        return {"kind": "model-renamed", "time": self.time, "name": self.name}


@dataclass(frozen=True, slots=True)
class Published(_AboutTheModel):
    """
    A model may be read by anyone from now on, or by its team alone.

    Attributes:
        time: Seconds since the epoch.
        public: Whether by anyone.
    """

    time: float
    public: bool

    def to_json(self) -> JsonValue:
        """Return the fields and the kind."""
        return {"kind": "published", "time": self.time, "public": self.public}


EventAboutVersion = TagsChanged | NotesSet | MetricsReplaced | VersionDeleted | VersionRestored
EventAboutModel = TagsChanged | NotesSet | ModelDeleted | ModelRestored | ModelRenamed | Published
Event = EventAboutVersion | EventAboutModel


def event_from_json(value: JsonValue) -> Event | None:
    """
    Read an event.

    Returns:
        The event, or None when it is of a kind that this program does not know.

    Raises:
        ValueError, KeyError, TypeError, AttributeError: It is not an event.
    """
    read = _KINDS.get(value["kind"])
    return None if read is None else read(float(value["time"]), value)


def _metrics(value: JsonValue) -> tuple[Metric, ...]:
    return tuple(Metric.from_json(metric) for metric in value["metrics"])


def _subject(value: JsonValue) -> str | None:
    key = value.get("registration")
    return None if key is None else str(key)


def _keep_until(value: JsonValue) -> float:
    return float(value.get("keep_until") or 0.0)


def _name(value: JsonValue) -> str:
    name = str(value["name"])
    if not name:
        raise ValueError("a name cannot be empty")
    return name


_KINDS: dict[str, Callable[[float, JsonValue], Event]] = {
    "tags": lambda time, value: TagsChanged(time, _subject(value), tuple(map(str, value["add"])), tuple(map(str, value["remove"]))),
    "notes": lambda time, value: NotesSet(time, _subject(value), str(value["text"])),
    "metrics": lambda time, value: MetricsReplaced(time, str(value["registration"]), _metrics(value)),
    "version-deleted": lambda time, value: VersionDeleted(
        time, str(value["registration"]), _keep_until(value), value.get("with_model") is True
    ),
    "version-restored": lambda time, value: VersionRestored(time, str(value["registration"])),
    "model-deleted": lambda time, value: ModelDeleted(time, int(value["through"]), _keep_until(value)),
    "model-restored": lambda time, value: ModelRestored(time, int(value["through"])),
    "model-renamed": lambda time, value: ModelRenamed(time, _name(value)),
    "published": lambda time, value: Published(time, value["public"] is True),
}
