"""All that an index answers, and the same worked out from what the repository shows, in one comparable form."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace

import pytest

from modelwatch.core.entities import Lifetime, ModelVersion, RegisteredModel, Storage
from modelwatch.core.errors import NotFoundError
from modelwatch.core.json import dumps, finite
from modelwatch.repository.experiments import experiments
from modelwatch.repository.index import trigrams
from modelwatch.repository.index.index import Index
from modelwatch.repository.index.outside import folded, number, text_of
from modelwatch.repository.index.queries import ModelQuery, VersionQuery
from modelwatch.repository.layout import encode_name
from modelwatch.repository.metric_names import best_of, by_name
from modelwatch.repository.repository import Repository

View = dict[str, object]


@dataclass(frozen=True, slots=True)
class _Listed:
    """Stands for a repository whose models have been read already."""

    found: tuple[RegisteredModel, ...]

    def models(self, _team: str) -> tuple[RegisteredModel, ...]:
        return self.found


def repository_view(repository: Repository, team: str) -> View:
    """Return what an index of the repository has to answer about a team."""
    listing = repository.listing(team)
    models = listing.models
    known_experiments = experiments(_Listed(models), team)
    return {
        "models": [_model_view(model, _best(repository, model)) for model in models],
        "public": sorted(model.id for model in models if model.public),
        "tags": _tags_view(models),
        "experiments": sorted(
            (
                each.id,
                each.project,
                sorted((model.id, model.name) for model in {model.id: model for model, _ in each.versions}.values()),
                len(each.versions),
                len(each.with_lifetime(Lifetime.PERMANENT)),
                each.size,
                each.versions[0][1].registered,
                each.versions[-1][1].registered,
            )
            for each in known_experiments
        ),
        "experiment versions": sorted(
            (each.id, model.id, version.number, version.registration.provenance.run)
            for each in known_experiments
            for model, version in each.versions
        ),
        "problems": sorted((problem.key, problem.reason) for problem in listing.problems),
    }


def index_view(index: Index, team: str, *, limit: int = 3) -> View:
    """Return what an index answers about a team, lists read in pages of `limit`."""
    models = list(pages(lambda cursor: index.models(team, ModelQuery(sort="name", descending=False, limit=limit, cursor=cursor))))
    views = []
    for model in models:
        query = VersionQuery(descending=False, limit=limit)
        versions = list(pages(lambda cursor: index.versions(team, model.id, _at(query, cursor))))  # noqa: B023 - read at once
        assert [found.latest for found in versions] == [False] * (len(versions) - 1) + [True] * bool(versions)
        assert model.latest == (versions[-1].version if versions else None)
        assert model.versions == len(versions)
        assert [found.version for found in versions if found.best] == ([] if model.best is None else [model.best])
        rebuilt = RegisteredModel(
            model.id,
            model.team,
            model.name,
            model.created,
            model.modified,
            model.tags,
            model.notes,
            model.summary,
            tuple(found.version for found in versions),
            model.public,
        )
        views.append(_model_view(rebuilt, model.best) | {"size": model.size, "points": _points_view(index, team, model.id)})
        for word in sorted({word for each in versions for word in _searched(each.version).split()}):
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(trigrams, "FEWEST", 0)
                found = list(pages(lambda cursor: index.versions(team, model.id, _at(replace(query, text=word), cursor))))  # noqa: B023 - as above
            assert [each.version.number for each in found] == [
                each.version.number for each in versions if word in _searched(each.version)
            ]
    counts = index.counts(team)
    assert (counts.models, counts.versions) == (len(models), sum(model.versions for model in models))
    assert counts.experiments == len(index.experiments(team))
    return {
        "models": views,
        "public": sorted(
            model.id
            for model in pages(lambda cursor: index.public_models(ModelQuery(limit=limit, cursor=cursor)))
            if model.team == team
        ),
        "tags": [(use.tag, use.models) for use in index.tags(team, limit=1000)],
        "experiments": sorted(
            (each.id, each.project, sorted(each.models), each.versions, each.permanent, each.size, each.first, each.last)
            for each in index.experiments(team)
        ),
        "experiment versions": sorted(
            (each.id, version.model_id, version.number, version.run)
            for each in index.experiments(team)
            for version in index.experiment_versions(team, each.id)
        ),
        "problems": sorted(
            (problem.key, problem.reason) for problem in index.problems() if problem.key.startswith(f"models/{encode_name(team)}/")
        ),
    }


def _best(repository: Repository, model: RegisteredModel) -> ModelVersion | None:
    """Return what the alias says, or else the metrics."""
    try:
        return repository.version(model.id, "best", team=model.team)
    except NotFoundError:
        return best_of(model.versions)


def pages(ask):
    """Give the items of all pages, where `ask` returns the page at a cursor."""
    cursor = None
    while True:
        page = ask(cursor)
        yield from page.items
        cursor = page.next
        if cursor is None:
            return


def _at(query: VersionQuery, cursor: str | None) -> VersionQuery:
    return replace(query, cursor=cursor)


def _searched(version: ModelVersion) -> str:
    """Return what a search for versions looks in."""
    registration = version.registration
    provenance = registration.provenance
    parts = (registration.root, version.notes, *version.tags, provenance.run or "", provenance.experiment or "")
    return text_of(folded("\n".join(parts)))


def _model_view(model: RegisteredModel, best: ModelVersion | None) -> View:
    return {
        "id": model.id,
        "team": model.team,
        "name": model.name,
        "created": model.created,
        "modified": model.modified,
        "tags": model.tags,
        "notes": model.notes,
        "public": model.public,
        "summary": dumps(finite(model.summary)),
        "versions": [_version_view(version) for version in model.versions],
        "best": None if best is None else best.number,
        "size": sum(version.registration.manifest.size for version in model.versions),
        "points": sorted(
            (
                metric.key,
                metric.split,
                version.number,
                str(number(version.registration.step)),  # as far as a database can hold it
                str(number(version.registration.epoch)),
                _number(metric.value),
            )
            for version in model.versions
            for metric in by_name(version.registration.metrics).values()
        ),
    }


def _points_view(index: Index, team: str, model: str) -> list[tuple[object, ...]]:
    return sorted(
        (point.key, point.split, point.number, str(point.step), str(point.epoch), _number(point.value))
        for point in index.points(team, model)
    )


def _number(value: float) -> str:
    return "NaN" if math.isnan(value) else repr(value + 0.0)  # a database knows no negative zero


def _version_view(version: ModelVersion) -> View:
    return {
        "number": version.number,
        "registered": version.registered,
        "registration": dumps(finite(version.registration.to_json())),
        "tags": version.tags,
        "notes": version.notes,
    }


def _tags_view(models: Iterable[RegisteredModel]) -> list[tuple[str, int]]:
    counted = Counter(tag for model in models for tag in model.tags)
    return sorted(counted.items(), key=lambda tag_and_count: (-tag_and_count[1], tag_and_count[0]))


def contents(repository: Repository, team: str) -> set[str]:
    """Return the digests that the team's live versions have in the repository."""
    return {
        str(entry.digest)
        for model in repository.models(team)
        for version in model.versions
        if version.registration.storage is Storage.COPY
        for entry in version.registration.manifest.entries
    }
