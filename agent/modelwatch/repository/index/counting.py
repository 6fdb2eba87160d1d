"""What the index counts: tags, experiments, a team's whole; and the points of curves."""

from __future__ import annotations

import sqlite3
from typing import Final

from modelwatch.core.entities import Lifetime, ModelType
from modelwatch.repository.index.answers import Counts, ExperimentVersion, IndexedExperiment, Point, TagUse, Totals
from modelwatch.repository.index.outside import data, text_of
from modelwatch.repository.layout import Place

MOST_AWAITED: Final = 20
"""Models without a version that are told of: whoever trains so many at once looks at them one by one."""


def counts(connection: sqlite3.Connection, team: bytes) -> Counts:
    """Return how much there is of a team's."""
    [(models, public, versions, size)] = connection.execute(
        "SELECT count(*), total(public), total(versions), total(size) FROM models WHERE team = ?", (team,)
    )
    [(experiments,)] = connection.execute("SELECT count(DISTINCT experiment) FROM facets WHERE team = ?", (team,))
    return Counts(models, int(public), int(versions), experiments, int(size))


def totals(connection: sqlite3.Connection) -> Totals:
    """Return how much there is of all teams' together."""
    [(models, versions, size)] = connection.execute("SELECT count(*), total(versions), total(size) FROM models")
    return Totals(models, int(versions), int(size))


def tags(connection: sqlite3.Connection, team: bytes, limit: int) -> tuple[TagUse, ...]:
    """Return the tags of a team's models, those that most have first."""
    rows = connection.execute(
        "SELECT tag, count(*) AS models FROM model_tags WHERE team = ? GROUP BY tag ORDER BY models DESC, tag LIMIT ?",
        (team, limit),
    )
    return tuple(TagUse(text_of(tag), models) for tag, models in rows)


def awaited(connection: sqlite3.Connection, team: bytes) -> tuple[Place, ...]:
    """Return where runs of models were told of that never had a version, the latest change first: at most `MOST_AWAITED`."""
    query = (
        "SELECT model FROM places p WHERE team = ? AND runs_seen IS NOT -1 AND NOT EXISTS (SELECT 1 FROM documents WHERE place = p.id)"
        " ORDER BY generation DESC LIMIT ?"
    )
    return tuple(Place(text_of(team), text_of(row[0])) for row in connection.execute(query, (team, MOST_AWAITED)))


def metric_names(connection: sqlite3.Connection, team: bytes) -> tuple[str, ...]:
    """Return what the metrics of the latest versions of a team's models are called, sorted."""
    # From each name to the next in the index: few names stand in very many rows.
    rows = connection.execute(
        "WITH RECURSIVE found (name) AS (SELECT min(name) FROM model_metrics WHERE team = :team UNION ALL"
        " SELECT (SELECT min(name) FROM model_metrics WHERE team = :team AND name > found.name) FROM found WHERE found.name IS NOT NULL)"
        " SELECT name FROM found WHERE name IS NOT NULL",
        {"team": team},
    )
    return tuple(text_of(row[0]) for row in rows)


def experiments(connection: sqlite3.Connection, team: bytes, identifier: str | None = None) -> tuple[IndexedExperiment, ...]:
    """Return a team's experiments, or one of them, the one with the newest version first."""
    rows = connection.execute(
        "SELECT f.experiment, max(f.project), sum(f.versions), total(f.size), min(f.first), max(f.last),"
        " sum(f.versions) FILTER (WHERE f.lifetime = :permanent), m.id, m.name"
        " FROM facets f JOIN models m ON m.place = f.place WHERE f.team = :team AND f.experiment IS NOT NULL"
        " AND (:one IS NULL OR f.experiment = :one) GROUP BY f.experiment, m.place ORDER BY f.experiment, m.name",
        {"team": team, "one": None if identifier is None else data(identifier), "permanent": Lifetime.PERMANENT.value},
    )
    found: dict[bytes, IndexedExperiment] = {}
    for experiment, project, versions, size, first, last, permanent, model_id, name in rows:
        before = found.get(experiment)
        part = IndexedExperiment(
            id=text_of(experiment),
            project=None if project is None else text_of(project),
            models=((model_id, text_of(name)),),
            versions=versions,
            permanent=permanent or 0,
            size=int(size),
            first=first or 0.0,
            last=last or 0.0,
        )
        found[experiment] = part if before is None else _together(before, part)
    return tuple(sorted(found.values(), key=lambda experiment: (-experiment.last, experiment.id)))


def _together(one: IndexedExperiment, other: IndexedExperiment) -> IndexedExperiment:
    return IndexedExperiment(
        id=one.id,
        project=one.project or other.project,
        models=one.models + other.models,
        versions=one.versions + other.versions,
        permanent=one.permanent + other.permanent,
        size=one.size + other.size,
        first=min(one.first, other.first),
        last=max(one.last, other.last),
    )


def experiment_versions(connection: sqlite3.Connection, team: bytes, identifier: str) -> tuple[ExperimentVersion, ...]:
    """Return the live versions of a team that came from an experiment, oldest first."""
    rows = connection.execute(
        "SELECT m.id, m.name, v.number, v.run, v.type, v.step, v.epoch, v.lifetime, v.size, v.registered FROM models m JOIN versions v ON v.place = m.place"
        " WHERE m.place IN (SELECT place FROM facets WHERE team = :team AND experiment = :one) AND v.experiment = :one"
        " ORDER BY v.registered, m.name, v.number",
        {"team": team, "one": data(identifier)},
    )
    return tuple(
        ExperimentVersion(
            model_id=row["id"],
            model=text_of(row["name"]),
            number=row["number"],
            run=None if row["run"] is None else text_of(row["run"]),
            model_type=ModelType(row["type"]),
            step=row["step"],
            epoch=row["epoch"],
            lifetime=Lifetime(row["lifetime"]),
            size=int(row["size"]),
            registered=row["registered"] or 0.0,
        )
        for row in rows
    )


def points(connection: sqlite3.Connection, place: int) -> tuple[Point, ...]:
    """Return a model's metrics over its live versions, by name and then number."""
    rows = connection.execute(
        "SELECT x.key, x.split, x.number, v.step, v.epoch, x.value, x.rank FROM metrics x"
        " JOIN versions v ON v.place = x.place AND v.number = x.number WHERE x.place = ? ORDER BY x.number, x.name",
        (place,),
    )
    nan = float("nan")
    return tuple(
        Point(text_of(key), text_of(split), number, step, epoch, nan if rank else value)
        for key, split, number, step, epoch, value, rank in rows
    )
