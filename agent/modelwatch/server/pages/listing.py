"""What a list is asked by its address, and the addresses that ask it otherwise: sorted, filtered, the next page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import quote_plus

from modelwatch.core.entities import ModelType
from modelwatch.core.errors import UsageError
from modelwatch.repository.index.queries import ModelQuery, VersionQuery
from modelwatch.server.endpoint import Call
from modelwatch.server.pages.better import more_is_better

PAGE: Final = 50
_NARROWED: Final = ("experiment", "project", "format")
_ORDERS: Final = (
    ("-modified", "Last changed"),
    ("-created", "Newest"),
    ("name", "Name"),
    ("val_loss", "Loss, lowest"),
    ("-val_accuracy", "Accuracy, highest"),
    ("loss", "Training loss, lowest"),
    ("-accuracy", "Training accuracy, highest"),
    ("-step", "Step, highest"),
    ("-versions", "Most versions"),
    ("-size", "Largest"),
)


_NAMED: Final = frozenset({*(order.removeprefix("-") for order, _ in _ORDERS), "val_accuracy", "val_loss", "number", "registered"})
"""What has words of its own, or a column: no other metric."""


def _order_by(name: str, *, descending: bool) -> tuple[str, str]:
    return f"-{name}" if descending else name, f"{name}, {'highest' if descending else 'lowest'}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """
    What is asked of a list.

    Attributes:
        path: The list's address without a question.
        text: Words to search for.
        tags: Tags that it must have.
        type: Gradient's type, empty for any.
        narrowed: Other filters, by name.
        order: The field or metric to sort by, ``-`` before it for the highest first.
        default_order: What is sorted by when the address does not say.
        cursor: Which page, None for the first.
        view: ``table`` or ``cards``.
        is_public: Whether it is the list of what all teams have published.
        limit: Items on a page.
        metrics: What can be sorted by besides, as `metric_name` gives it.
    """

    path: str
    text: str = ""
    tags: tuple[str, ...] = ()
    type: str = ""
    narrowed: tuple[tuple[str, str], ...] = ()
    order: str
    default_order: str
    cursor: str | None = None
    view: str = "table"
    is_public: bool = False
    limit: int = PAGE
    metrics: tuple[str, ...] = ()

    @classmethod
    def of(cls, call: Call, path: str, *, default_order: str, is_public: bool = False) -> Listing:
        """Read it from a request's address."""
        return cls(
            path=path,
            text=(call.query("q") or "").strip(),
            tags=tuple(tag for tag in call.queries("tag") if tag),
            type=call.query("type") or "",
            narrowed=tuple((name, value) for name in _NARROWED if (value := call.query(name))),
            order=call.query("sort") or default_order,
            default_order=default_order,
            cursor=call.query("cursor") or None,
            view="cards" if call.query("view") == "cards" else "table",
            is_public=is_public,
        )

    @property
    def sort(self) -> str:
        """The field or metric that it is sorted by."""
        return self.order.removeprefix("-")

    @property
    def descending(self) -> bool:
        """Whether the highest comes first."""
        return self.order.startswith("-")

    @property
    def is_filtered(self) -> bool:
        """Whether some may have been left out."""
        return bool(self.text or self.tags or self.type or self.narrowed)

    @property
    def orders(self) -> Sequence[tuple[str, str]]:
        """What can be sorted by, each with its words; the order that is asked for is among them."""
        known = dict(_ORDERS)
        known.update(_order_by(name, descending=more_is_better(name) is not False) for name in self.metrics if name not in _NAMED)
        if self.order not in known:
            known.update([_order_by(self.sort, descending=self.descending)])
        return tuple(known.items())

    @property
    def metric(self) -> str | None:
        """The metric that it is sorted by and that no column shows, or None."""
        return None if self.sort in _NAMED else self.sort

    def models(self) -> ModelQuery:
        """Return the question for models. Raise UsageError when it is none."""
        narrowed = dict(self.narrowed)
        return ModelQuery(
            text=self.text,
            tags=self.tags,
            type=self._type(),
            sort=self.sort,
            descending=self.descending,
            limit=self.limit,
            cursor=self.cursor,
            with_best=False,
            experiment=narrowed.get("experiment"),
            project=narrowed.get("project"),
            format=narrowed.get("format"),
        )

    def versions(self) -> VersionQuery:
        """Return the question for versions. Raise UsageError when it is none."""
        return VersionQuery(sort=self.sort, descending=self.descending, limit=self.limit, cursor=self.cursor)

    def _type(self) -> ModelType | None:
        if not self.type:
            return None
        try:
            return ModelType.parse(self.type)
        except ValueError as error:
            raise UsageError(str(error)) from error

    # ------------------------------------------------------------------------------------------------------------- addresses

    @property
    def here(self) -> str:
        """The address that asks exactly this, as seen from the list itself."""
        return self._address(self.tags, self.narrowed, self.cursor)

    def _address(self, tags: Sequence[str], narrowed: Sequence[tuple[str, str]], cursor: str | None = None) -> str:
        """Return the address that asks this, but for some of it. A page has hundreds of them."""
        asked = [("q", self.text), *(("tag", tag) for tag in tags), ("type", self.type), *narrowed]
        if self.order != self.default_order:
            asked.append(("sort", self.order))
        if self.view != "table":
            asked.append(("view", self.view))
        if cursor:
            asked.append(("cursor", cursor))
        question = "&".join(f"{name}={quote_plus(value, errors='surrogatepass')}" for name, value in asked if value)
        return f"?{question}" if question else self.path

    @property
    def first(self) -> str:
        """The first page."""
        return self._address(self.tags, self.narrowed)

    @property
    def everything(self) -> str:
        """The list without any filter."""
        return replace(self, text="", tags=(), type="", narrowed=(), cursor=None).here

    def after(self, cursor: str) -> str:
        """Return the address of the page that a cursor tells."""
        return self._address(self.tags, self.narrowed, cursor)

    def sorted_by(self, sort: str, first: str) -> str:
        """Return the address of the list sorted by something; the other way round when it is already."""
        descending = not self.descending if sort == self.sort else first == "desc"
        return replace(self, order=f"-{sort}" if descending else sort, cursor=None).here

    def viewed_as(self, view: str) -> str:
        """Return the address of the same in another view."""
        return replace(self, view=view).here

    def with_tag(self, tag: str) -> str:
        """Return the address of those that have a tag as well."""
        return self._address((*self.tags, tag) if tag not in self.tags else self.tags, self.narrowed)

    def without_tag(self, tag: str) -> str:
        """Return the address of those that need not have a tag."""
        return self._address([other for other in self.tags if other != tag], self.narrowed)

    def narrowed_to(self, name: str, value: str) -> str:
        """Return the address of those with one more filter."""
        return self._address(self.tags, [*(pair for pair in self.narrowed if pair[0] != name), (name, value)])

    def without(self, name: str) -> str:
        """Return the address of those without a filter."""
        return self._address(self.tags, [pair for pair in self.narrowed if pair[0] != name])
