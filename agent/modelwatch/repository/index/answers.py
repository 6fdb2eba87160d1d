"""What the index answers: models and versions as `modelwatch.repository.reading` shows them, and what it alone counts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

from modelwatch.core.entities import Lifetime, ModelType, ModelVersion
from modelwatch.core.json import JsonValue

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """
    A part of a list.

    Attributes:
        items: In the order that was asked for.
        next: The cursor of the page after it, or None when this is the last.
    """

    items: tuple[T, ...]
    next: str | None


@dataclass(frozen=True, slots=True)
class Alias:
    """
    A name for a version.

    Attributes:
        name: For people.
        number: The version's; that may have been deleted.
    """

    name: str
    number: int


@dataclass(frozen=True, slots=True)
class IndexedModel:
    """
    A model, without its versions but for two. Fields that are not described are those of `RegisteredModel`.

    Attributes:
        id: As there.
        team: As there.
        name: As there.
        created: As there.
        modified: As there.
        tags: As there.
        notes: As there.
        summary: As there.
        public: Whether its team published it.
        versions: How many are live.
        size: Bytes of their files together, shared content counted as often as it is shared.
        latest: The live version with the highest number, or None when all are deleted.
        best: What the alias ``best`` names, else the best by `modelwatch.repository.metric_names`, or None; None where it was not asked for.
        aliases: Sorted by name.
    """

    id: str
    team: str
    name: str
    created: float
    modified: float
    tags: tuple[str, ...]
    notes: str
    summary: JsonValue
    public: bool
    versions: int
    size: int
    latest: ModelVersion | None
    best: ModelVersion | None
    aliases: tuple[Alias, ...]


@dataclass(frozen=True, slots=True)
class IndexedVersion:
    """
    A live version, and where it stands in its model.

    Attributes:
        team: The owner.
        model_id: The model's id.
        model: The model's name.
        version: The version.
        latest: Whether it is the model's latest.
        best: Whether it is the model's best.
        aliases: Its names, sorted.
    """

    team: str
    model_id: str
    model: str
    version: ModelVersion
    latest: bool
    best: bool
    aliases: tuple[str, ...]


class Point(NamedTuple):
    """
    One version's value of a metric. A tuple, because there are many.

    Attributes:
        key: The metric's key.
        split: Its split.
        number: The version's number.
        step: The version's step, or None.
        epoch: The version's epoch, or None.
        value: May be NaN or infinite.
    """

    key: str
    split: str
    number: int
    step: float | None
    epoch: float | None
    value: float


@dataclass(frozen=True, slots=True)
class Totals:
    """
    How much there is of all teams' together: for those who run the server.

    Attributes:
        models: Models.
        versions: Live versions.
        size: Bytes of their files, shared content counted as often as it is shared.
    """

    models: int
    versions: int
    size: int


@dataclass(frozen=True, slots=True)
class TagUse:
    """
    A tag of models.

    Attributes:
        tag: The tag.
        models: How many have it themselves.
    """

    tag: str
    models: int


@dataclass(frozen=True, slots=True)
class IndexedExperiment:
    """
    An experiment, as the live versions that came from it tell.

    Attributes:
        id: Gradient's experiment id.
        project: Gradient's project id, or None.
        models: Id and name of the models that have versions of it, sorted by name.
        versions: How many there are.
        permanent: How many of them stay when it is deleted.
        size: Bytes of their files together.
        first: When the first was registered, seconds since the epoch.
        last: When the latest was.
    """

    id: str
    project: str | None
    models: tuple[tuple[str, str], ...]
    versions: int
    permanent: int
    size: int
    first: float
    last: float


@dataclass(frozen=True, slots=True)
class ExperimentVersion:
    """
    One of the versions that came from an experiment.

    Attributes:
        model_id: Its model's id.
        model: Its model's name.
        number: Its number.
        run: The training run, or None.
        model_type: Gradient's type.
        step: The version's step, or None.
        epoch: The version's epoch, or None.
        lifetime: Whether it goes with the experiment.
        size: Bytes of its files together.
        registered: Seconds since the epoch.
    """

    model_id: str
    model: str
    number: int
    run: str | None
    model_type: ModelType
    step: int | None
    epoch: int | None
    lifetime: Lifetime
    size: int
    registered: float


@dataclass(frozen=True, slots=True)
class Counts:
    """
    How much there is of a team's.

    Attributes:
        models: Those that are shown.
        public: Of them, those that are public.
        versions: Live ones.
        experiments: That live versions came from.
        size: Bytes of the live versions' files together, shared content counted as often as it is shared.
    """

    models: int
    public: int
    versions: int
    experiments: int
    size: int
