"""
Experiments, as the versions that came from them tell: a repository keeps no list of its own.

Deleting one deletes the versions whose lifetime is the experiment's; the permanent ones stay (Gradient's ``/artifacts``, ``/storage``).
"""

from __future__ import annotations

from dataclasses import dataclass

from modelwatch.core.entities import Lifetime, ModelVersion, RegisteredModel
from modelwatch.core.errors import NotFoundError
from modelwatch.repository.repository import Repository


@dataclass(frozen=True, slots=True)
class Experiment:
    """
    One experiment.

    Attributes:
        id: Gradient's experiment id.
        team: Whose.
        project: Gradient's project id, or None.
        versions: Its live versions with their models, oldest first; at least one.
    """

    id: str
    team: str
    project: str | None
    versions: tuple[tuple[RegisteredModel, ModelVersion], ...]

    @property
    def runs(self) -> tuple[str, ...]:
        """The runs that its versions came from, sorted."""
        return tuple(sorted({v.registration.provenance.run for _, v in self.versions if v.registration.provenance.run is not None}))

    @property
    def models(self) -> tuple[str, ...]:
        """The names of its models, sorted."""
        return tuple(sorted({model.name for model, _ in self.versions}))

    @property
    def size(self) -> int:
        """Bytes of its versions together, shared content counted as often as it is shared."""
        return sum(version.registration.manifest.size for _, version in self.versions)

    def with_lifetime(self, lifetime: Lifetime) -> tuple[tuple[RegisteredModel, ModelVersion], ...]:
        """Return the versions of one lifetime."""
        return tuple(pair for pair in self.versions if pair[1].registration.lifetime is lifetime)


def experiments(repository: Repository, team: str) -> tuple[Experiment, ...]:
    """Return a team's experiments, the one with the newest version first."""
    found: dict[str, list[tuple[RegisteredModel, ModelVersion]]] = {}
    for model in repository.models(team):
        for version in model.versions:
            identifier = version.registration.provenance.experiment
            if identifier is not None:
                found.setdefault(identifier, []).append((model, version))
    listed = []
    for identifier, pairs in found.items():
        pairs.sort(key=lambda pair: (pair[1].registered, pair[0].name, pair[1].number))
        projects = [version.registration.provenance.project for _, version in pairs]
        listed.append(Experiment(identifier, team, next((p for p in projects if p is not None), None), tuple(pairs)))
    return tuple(sorted(listed, key=lambda experiment: experiment.versions[-1][1].registered, reverse=True))


def experiment(repository: Repository, identifier: str, team: str) -> Experiment:
    """Return one experiment. Raise NotFoundError when no live version came from it."""
    for candidate in experiments(repository, team):
        if candidate.id == identifier:
            return candidate
    raise NotFoundError(f"no version of team {team!r} came from an experiment {identifier!r}")


def delete_experiment(repository: Repository, identifier: str, team: str, *, keep_seconds: float = 0.0) -> Experiment:
    """
    Delete the versions that live with an experiment.

    Args:
        repository: Where.

        identifier: The experiment's.

        team: Whose.

        keep_seconds: How long their content stays; 0: it goes with the next `Repository.collect_garbage`.

    Returns:
        The experiment as it was.

    Raises:
        NotFoundError: No live version came from it.

        TransientError: The repository cannot be written now.
    """
    found = experiment(repository, identifier, team)
    for model, version in found.with_lifetime(Lifetime.EXPERIMENT):
        repository.delete_versions_of(model, (version,), keep_seconds=keep_seconds)
    return found
