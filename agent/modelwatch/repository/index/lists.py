"""
The SQL of the lists: which items, in which order, from where on.

A page is found by its keys first, in an order that an index has, and only then read. What has no value to be sorted by comes last in both
directions, so a list is read in legs, one after the other, each in one order: a number, NaN (metrics only), no value.

Of what is filtered, those that fit are sought first, in an index that has what is asked for and little else, and only so many as are soon
sorted. Are there no more, then they are sorted; else they are so many that the walk along the order meets enough of them soon.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from modelwatch.core.json import dumps
from modelwatch.repository.index import trigrams
from modelwatch.repository.index.cursors import Cursor, SqlValue
from modelwatch.repository.index.outside import data, words
from modelwatch.repository.index.queries import ListQuery, ModelQuery, VersionQuery

VERSION_FIELDS: Final = frozenset({"registered", "created", "step", "epoch", "size"})
MODEL_FIELDS: Final = frozenset({"created", "modified", "versions", "size", "number", "registered", "step"})

FEW: Final = 2_000
"""So many are found and sorted in some milliseconds, and one in fifty of 100,000 is met often enough on the way along any order."""

Parameters = dict[str, SqlValue]


@dataclass(frozen=True, slots=True)
class Leg:
    """
    A part of a list that is in one order.

    Attributes:
        source: What stands behind FROM.
        where: Conditions, all of which hold.
        value: The column sorted by first; None when there is none.
        tie: The column that orders what has the same value, and tells every item apart.
        item: The column that an item is found by, a whole number.
    """

    source: str
    where: tuple[str, ...]
    value: str | None
    tie: str
    item: str


def page(
    connection: sqlite3.Connection, legs: Sequence[Leg], parameters: Parameters, query: ListQuery, question: str
) -> tuple[list[int], str | None]:
    """
    Return the items of a page, as what they are found by, and the cursor of the next.

    Raises:
        UsageError: The query's cursor is none of this question.
    """
    after = None if query.cursor is None else Cursor.decode(query.cursor, question)
    found: list[tuple[Cursor, int]] = []
    for number, leg in enumerate(legs):
        if after is not None and number < after.leg:
            continue
        read = _leg_sql(leg, descending=query.descending, goes_on=after is not None and number == after.leg)
        where = {} if after is None else {"after_value": after.value, "after_tie": after.tie}
        rows = connection.execute(read, {**parameters, **where, "wanted": query.limit + 1 - len(found)})
        found += [(Cursor(number, value, tie), item) for value, tie, item in rows]
        if len(found) > query.limit:
            return [item for _, item in found[: query.limit]], found[query.limit - 1][0].encode(question)
    return [item for _, item in found], None


def _leg_sql(leg: Leg, *, descending: bool, goes_on: bool) -> str:
    direction, beyond = ("DESC", "<") if descending else ("ASC", ">")
    conditions = list(leg.where)
    if goes_on:
        whole = f"({leg.value}, {leg.tie}) {beyond} (:after_value, :after_tie)"
        conditions.append(f"{leg.tie} {beyond} :after_tie" if leg.value is None else whole)
    order = [leg.tie] if leg.value is None else [leg.value, leg.tie]
    return (
        f"SELECT {leg.value or 'NULL'}, {leg.tie}, {leg.item} FROM {leg.source} WHERE {' AND '.join(conditions)}"  # noqa: S608 - of our own pieces
        f" ORDER BY {', '.join(f'{column} {direction}' for column in order)} LIMIT :wanted"
    )


# ------------------------------------------------------------------------------------------------------------------ versions


def version_filter(place: int, query: VersionQuery) -> tuple[tuple[str, ...], Parameters]:
    """Return the conditions for ``versions v`` and their parameters; the first is the model's and no filter."""
    conditions = ["v.place = :place", *_words("v.text", query)]
    parameters: Parameters = {"place": place, **_parameters(query)}
    conditions += [
        f"EXISTS (SELECT 1 FROM version_tags WHERE place = :place AND number = v.number AND tag = :tag{index})"  # noqa: S608 - as above
        for index in range(len(query.tags))
    ]
    conditions += [f"v.{column} = :{column}" for column in _asked(query)]
    return tuple(conditions), parameters


def few_versions(
    connection: sqlite3.Connection, place: int, query: VersionQuery, conditions: tuple[str, ...], parameters: Parameters
) -> str | None:
    """Return the numbers of a model's versions that fulfil the conditions of `version_filter`, as JSON, or None when they are many, or all."""
    if len(conditions) == 1:
        return None
    sought = words(query.text)
    if sought and (found := trigrams.versions_with(connection, place, sought, FEW)) is not None:
        parameters = {**parameters, "found": dumps(found)}
        source = "json_each(:found) f CROSS JOIN versions v NOT INDEXED ON v.number = f.value"
    elif query.tags:
        source = "version_tags t CROSS JOIN versions v NOT INDEXED ON v.number = t.number AND t.place = :place AND t.tag = :tag0"
    else:
        source = f"versions v INDEXED BY versions_{'text' if sought else 'sought'}"
    return _few(connection, "v.number", source, conditions, parameters)


def version_legs(query: VersionQuery, conditions: tuple[str, ...], *, few: bool) -> tuple[Leg, ...]:
    """
    Return the legs of a list of versions; a metric's name is ``:metric``.

    Args:
        query: What is asked.

        conditions: Of `version_filter`.

        few: Whether ``:few`` has the numbers of those that fulfil the conditions, as `few_versions` returns them.
    """
    # NOT INDEXED and INDEXED BY keep SQLite, which does not know how many fit, from looking each of those up to sort them.
    versions = "versions v NOT INDEXED"
    metrics = "metrics x INDEXED BY metrics_value"
    lacking = _LACKING
    found: tuple[str, ...] = ("x.place = :place", "x.name = :metric")
    if few:
        conditions = ("v.place = :place",)
        versions = "json_each(:few) f CROSS JOIN versions v ON v.number = f.value"
        metrics = "json_each(:few) f CROSS JOIN metrics x ON x.number = f.value"
        lacking = _HAS_NONE
    elif len(conditions) > 1:
        found += conditions
        metrics += " CROSS JOIN versions v NOT INDEXED ON v.number = x.number"
    if query.sort == "number":
        return (Leg(versions, conditions, None, "v.number", "v.number"),)
    if query.sort in VERSION_FIELDS:
        value = f"v.{query.sort}"
        ordered = versions if few else f"versions v INDEXED BY versions_{query.sort}"
        return (
            Leg(ordered, (*conditions, f"{value} IS NOT NULL"), value, "v.number", "v.number"),
            Leg(ordered, (*conditions, f"{value} IS NULL"), None, "v.number", "v.number"),
        )
    return (
        Leg(metrics, (*found, "x.rank = 0"), "x.value", "x.number", "x.number"),
        Leg(metrics, (*found, "x.rank = 1"), None, "x.number", "x.number"),
        Leg(versions, (*conditions, lacking), None, "v.number", "v.number"),
    )


_HAS_NONE: Final = "NOT EXISTS (SELECT 1 FROM metrics WHERE place = :place AND number = v.number AND name = :metric)"
_LACKING: Final = (
    "CASE WHEN (SELECT count(*) FROM metrics INDEXED BY metrics_value WHERE place = :place AND name = :metric)"  # noqa: S608 - as above
    f" = (SELECT count(*) FROM versions WHERE place = :place) THEN FALSE ELSE {_HAS_NONE} END"
)
"""Has no value of a metric. Mostly all have one, which two counts tell sooner than a look at each."""


# -------------------------------------------------------------------------------------------------------------------- models

_OF_A_TEAM: Final = "m.team = :team"
_MODEL_HAS_NONE: Final = "NOT EXISTS (SELECT 1 FROM model_metrics x WHERE x.place = m.place AND x.name = :metric)"


def model_filter(team: bytes | None, query: ModelQuery) -> tuple[tuple[str, ...], Parameters]:
    """Return the conditions for ``models m`` and their parameters; without a team, of every team's."""
    conditions = [] if team is None else [_OF_A_TEAM]
    parameters: Parameters = {"team": team, **_parameters(query)}
    conditions += _words("m.text", query)
    conditions += [_model_has_tag(index) for index in range(len(query.tags))]
    if facets := _facets(query):
        conditions.append(_model_has_version(facets))
    if query.public is not None:
        conditions.append("m.public" if query.public else "NOT m.public")
    return tuple(conditions) or ("TRUE",), parameters


def _model_has_tag(index: int) -> str:
    return f"EXISTS (SELECT 1 FROM model_tags WHERE place = m.place AND tag = :tag{index})"  # noqa: S608 - as above


def _model_has_version(facets: str) -> str:
    return f"EXISTS (SELECT 1 FROM facets INDEXED BY facets_place WHERE place = m.place AND {facets})"  # noqa: S608 - as above


def few_models(
    connection: sqlite3.Connection, query: ModelQuery, conditions: tuple[str, ...], parameters: Parameters
) -> str | None:
    """Return the places of a team's models that fulfil the conditions of `model_filter`, as JSON, or None when they are many, or all."""
    if _OF_A_TEAM not in conditions or len(conditions) == 1:
        return None
    if query.tags:
        source, holds = (
            "model_tags t CROSS JOIN models m ON m.place = t.place AND t.team = :team AND t.tag = :tag0",
            _model_has_tag(0),
        )
    elif facets := _facets(query):
        indexed = [column for column in ("experiment", "project", "format", "type") if column in _asked(query)]  # the rarest first
        way = f"INDEXED BY facets_{indexed[0]}" if indexed else "NOT INDEXED"
        fitting = f"SELECT DISTINCT place FROM facets {way} WHERE team = :team AND {facets}"  # noqa: S608 - as above
        source, holds = f"({fitting}) f CROSS JOIN models m ON m.place = f.place", _model_has_version(facets)
    else:
        source, holds = "models m INDEXED BY models_text" if words(query.text) else "models m", ""
    return _few(connection, "m.place", source, tuple(condition for condition in conditions if condition != holds), parameters)


def model_legs(query: ModelQuery, conditions: tuple[str, ...], *, few: bool) -> tuple[Leg, ...]:
    """
    Return the legs of a list of models; a metric's name is ``:metric``.

    Args:
        query: What is asked.

        conditions: Of `model_filter`.

        few: Whether ``:few`` has the places of those that fulfil the conditions, as `few_models` returns them.
    """
    models = "models m"
    metrics = "model_metrics x JOIN models m ON m.place = x.place"
    found: tuple[str, ...] = (*conditions, "x.name = :metric")
    if few:
        conditions = ("TRUE",)
        models = "json_each(:few) f CROSS JOIN models m ON m.place = f.value"
        metrics = "json_each(:few) f CROSS JOIN model_metrics x ON x.place = f.value"
        found = ("x.name = :metric",)
    elif _OF_A_TEAM in conditions:
        metrics = "model_metrics x INDEXED BY model_metrics_value CROSS JOIN models m ON m.place = x.place"
        found += ("x.team = :team",)
    if query.sort == "name":
        return (Leg(models, conditions, "m.name", "m.id", "m.place"),)
    if query.sort in MODEL_FIELDS:
        value = f"m.{query.sort}"
        ordered = models if few or _OF_A_TEAM not in conditions else f"models m INDEXED BY models_{query.sort}"
        return (
            Leg(ordered, (*conditions, f"{value} IS NOT NULL"), value, "m.id", "m.place"),
            Leg(ordered, (*conditions, f"{value} IS NULL"), None, "m.id", "m.place"),
        )
    return (
        Leg(metrics, (*found, "x.rank = 0"), "x.value", "x.id", "x.place"),
        Leg(metrics, (*found, "x.rank = 1"), None, "x.id", "x.place"),
        Leg(models, (*conditions, _MODEL_HAS_NONE), None, "m.id", "m.place"),
    )


# ---------------------------------------------------------------------------------------------------------------------- both


def _few(connection: sqlite3.Connection, item: str, source: str, conditions: tuple[str, ...], parameters: Parameters) -> str | None:
    """Return what fulfils the conditions as JSON, or None when it is much."""
    sql = f"SELECT {item} FROM {source} WHERE {' AND '.join(conditions)} LIMIT :most"  # noqa: S608 - as above
    rows = connection.execute(sql, {**parameters, "most": FEW + 1}).fetchall()
    return dumps([row[0] for row in rows]) if len(rows) <= FEW else None


def _words(column: str, query: ListQuery) -> list[str]:
    return [f"instr({column}, :word{index}) > 0" for index in range(len(words(query.text)))]


def _asked(query: ListQuery) -> list[str]:
    asked = {
        "type": query.type,
        "format": query.format,
        "origin": query.origin,
        "experiment": query.experiment,
        "project": query.project,
    }
    return [column for column, value in asked.items() if value is not None]


def _facets(query: ListQuery) -> str:
    return " AND ".join(f"{column} = :{column}" for column in _asked(query))


def _parameters(query: ListQuery) -> Parameters:
    return {
        **{f"word{index}": word for index, word in enumerate(words(query.text))},
        **{f"tag{index}": data(tag) for index, tag in enumerate(query.tags)},
        "type": None if query.type is None else query.type.value,
        "format": None if query.format is None else data(query.format),
        "origin": query.origin,
        "experiment": None if query.experiment is None else data(query.experiment),
        "project": None if query.project is None else data(query.project),
        "metric": data(query.sort),
    }
