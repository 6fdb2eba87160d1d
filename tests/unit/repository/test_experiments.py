"""Experiments: what came from them and what goes with them."""

import pytest
from repositories import TEAM, add_version, blob_files, new_repository

from modelwatch.core.entities import Lifetime
from modelwatch.core.errors import NotFoundError
from modelwatch.repository.experiments import delete_experiment, experiment, experiments


@pytest.fixture
def repository(tmp_path):
    """A repository with two experiments: the first has two versions that live with it and a permanent one."""
    repository = new_repository(tmp_path / "repository")
    add_version(repository, tmp_path, step=1, lifetime=Lifetime.EXPERIMENT)
    add_version(repository, tmp_path, step=2, lifetime=Lifetime.EXPERIMENT)
    add_version(repository, tmp_path, model="export", step=2)
    add_version(repository, tmp_path, step=3, experiment="e2", lifetime=Lifetime.EXPERIMENT)
    add_version(repository, tmp_path, model="mine", experiment=None)
    return repository


def test_experiments_are_told_by_their_versions(repository):
    """Each is listed with its models and versions, the newest first; what has no experiment belongs to none."""
    assert [(each.id, each.models, len(each.versions)) for each in experiments(repository, TEAM)] == [
        ("e2", ("digits",), 1),
        ("e1", ("digits", "export"), 3),
    ]
    assert experiment(repository, "e1", TEAM).project == "p1"


def test_deleting_an_experiment_keeps_what_is_permanent(repository):
    """The versions that live with it go with their content; the permanent one, other experiments' and uploads stay visible."""
    delete_experiment(repository, "e1", TEAM)
    assert repository.collect_garbage().blobs == 2
    live = {(model.name, version.number) for model in repository.models(TEAM) for version in model.versions}
    assert live == {("digits", 3), ("export", 1), ("mine", 1)}
    assert [len(each.versions) for each in experiments(repository, TEAM)] == [1, 1]
    assert len(blob_files(repository)) == 3


def test_an_unknown_experiment(repository):
    """An id that no live version has is told."""
    with pytest.raises(NotFoundError, match="e9"):
        delete_experiment(repository, "e9", TEAM)
