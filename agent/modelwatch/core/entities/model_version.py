"""Registered models and their versions, as a repository shows them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from modelwatch.core.entities.registration import Registration
from modelwatch.core.json import JsonValue


@dataclass(frozen=True, slots=True)
class ModelVersion:
    """
    One version of a registered model as the repository shows it, every event applied.

    Attributes:
        number: 1, 2, 3, … within the model, in order of registration.
        registration: What was registered; `registration.metrics` are the metrics as amended.
        registered: Seconds since the epoch: when the repository took it.
        tags: Sorted.
        notes: The latest notes on this version.
    """

    number: int
    registration: Registration
    registered: float
    tags: tuple[str, ...] = ()
    notes: str = ""


@dataclass(frozen=True, slots=True)
class RegisteredModel:
    """
    A named model of a team.

    Attributes:
        id: ``mo`` and 13 letters or digits; stays the same when the model is renamed.
        team: The owner.
        name: For people; unique within the team.
        created: Seconds since the epoch.
        modified: Seconds since the epoch of the latest version or event.
        tags: Sorted.
        notes: Free text.
        summary: What the uploader said about it, any JSON value, or None.
        versions: Live versions in order of number; the deleted ones are left out.
        public: Whether anyone may read it, not its team alone.
        aliases: Names that people gave to versions, and the number of each, of a deleted version too.
    """

    id: str
    team: str
    name: str
    created: float
    modified: float
    tags: tuple[str, ...] = ()
    notes: str = ""
    summary: JsonValue = None
    versions: tuple[ModelVersion, ...] = ()
    public: bool = False
    aliases: Mapping[str, int] = field(default_factory=dict)

    @property
    def latest(self) -> ModelVersion | None:
        """The live version with the highest number, or None when all are deleted."""
        return self.versions[-1] if self.versions else None
