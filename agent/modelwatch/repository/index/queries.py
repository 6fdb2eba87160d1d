"""What may be asked of the index's lists."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Final, Literal, get_args

from modelwatch.core.digest import Digest
from modelwatch.core.entities import ModelType
from modelwatch.core.errors import UsageError
from modelwatch.repository.index.outside import words

LARGEST_PAGE: Final = 500

Origin = Literal["generated", "uploaded"]

_MOST_CONDITIONS: Final = 32

_NOT_THE_QUESTION: Final = frozenset({"limit", "cursor", "with_best"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ListQuery:
    """
    Which items, in which order, and which part of the list.

    Attributes:
        text: Words that must all occur, in any case; parts of words do.
        tags: Tags that it must have, all of them.
        type: Gradient's type.
        format: The checkpoint's format; ``upload`` for uploads.
        origin: Whether a training made it.
        experiment: Gradient's experiment id.
        project: Gradient's project id.
        sort: A field (see the subclass), or the name of a metric as `metric_name` gives it. What has no such value or NaN comes last.
        descending: Highest first.
        limit: The most items, 1 to `LARGEST_PAGE`.
        cursor: `Page.next` of the page before, for the same question; None for the first page.
    """

    text: str = ""
    tags: tuple[str, ...] = ()
    type: ModelType | None = None
    format: str | None = None
    origin: Origin | None = None
    experiment: str | None = None
    project: str | None = None
    sort: str
    descending: bool = True
    limit: int = 50
    cursor: str | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot be asked, with UsageError."""
        if not 1 <= self.limit <= LARGEST_PAGE:
            raise UsageError(f"not a limit: {self.limit}", hint=f"a page has 1 to {LARGEST_PAGE} items")
        if self.origin not in {None, *get_args(Origin)}:
            raise UsageError(f"not an origin: {self.origin!r}", hint=f"choose {' or '.join(get_args(Origin))}")
        if len(self.tags) > _MOST_CONDITIONS or len(words(self.text)) > _MOST_CONDITIONS:
            raise UsageError("a search for too many words or tags", hint=f"give at most {_MOST_CONDITIONS}")

    def question(self, *about: str) -> str:
        """Return what tells this question, asked about something, from others: all but the part of the list."""
        asked = [str(getattr(self, field.name)) for field in fields(self) if field.name not in _NOT_THE_QUESTION]
        return Digest.of_json([*about, *asked]).hex[:16]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelQuery(ListQuery):
    """
    Which models.

    The text is looked for in name, id, notes and tags, and the tags are the model's own. A model is found by type, format, origin,
    experiment and project when one of its live versions is all of those. Metrics, ``number``, ``registered`` and ``step`` are of its latest version.

    Attributes:
        public: Only those that are public, or that are not.
        with_best: Whether each comes with its best version, which costs as much as the model itself.
        sort: ``name``, ``created``, ``modified``, ``versions`` (how many), ``size`` (of all), ``number``, ``registered``, ``step``, or a metric.
    """

    public: bool | None = None
    with_best: bool = True
    sort: str = "modified"


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionQuery(ListQuery):
    """
    Which versions of a model.

    The text is looked for in root, notes, tags, run and experiment.

    Attributes:
        sort: ``number``, ``registered``, ``created``, ``step``, ``epoch``, ``size``, or a metric.
    """

    sort: str = "number"
