"""What was deleted and can be restored, as the index tells it; and that restoring does what it tells."""

import time

import pytest
from repositories import TEAM, add_version, new_repository

from modelwatch.repository.index.index import Index

WEEK_SECONDS = 7 * 86400.0
LONG = "LONG" * 30
"""Each capital takes three characters in a directory's name, which is then cut."""


@pytest.fixture
def repository(tmp_path):
    """A repository with a model of four versions."""
    repository = new_repository(tmp_path / "repository")
    for step in (1, 2, 3, 4):
        add_version(repository, tmp_path, step=step)
    return repository


@pytest.fixture
def index(repository, tmp_path):
    """Its index."""
    with Index.open(tmp_path / "index.db", repository) as index:
        yield index


def told(index, *, after=0.0, team=TEAM):
    """Return what can be restored some seconds from now: model, number and how many versions come back."""
    index.refresh()
    return [(entry.model, entry.version, len(entry.versions)) for entry in index.deleted(team, time.time() + after)]


def test_nothing_was_deleted(index, repository):
    """Versions that are there are not told, changed or not, and neither is a team that is not there."""
    repository.tag("digits", ("a",), team=TEAM, version="2")
    assert told(index) == []
    assert told(index, team="nobody") == []


def test_a_version_is_told_until_it_is_restored(index, repository):
    """It has its number, when it was deleted, and until when it is kept."""
    before = time.time()
    repository.delete_version("digits", "2", team=TEAM, keep_seconds=WEEK_SECONDS)
    assert told(index) == [("digits", 2, 1)]
    [entry] = index.deleted(TEAM, time.time())
    assert entry.model_id == repository.model("digits", team=TEAM).id
    assert before <= entry.deleted <= time.time()
    assert entry.until == pytest.approx(entry.deleted + WEEK_SECONDS)
    repository.restore_version("digits", "2", team=TEAM)
    assert told(index) == []


def test_what_is_kept_no_longer_is_not_told(index, repository):
    """Neither what was deleted for good, nor what was kept and is not any more."""
    repository.delete_version("digits", "1", team=TEAM)
    repository.delete_version("digits", "2", team=TEAM, keep_seconds=WEEK_SECONDS)
    assert told(index, after=WEEK_SECONDS + 60) == []


def test_a_model_is_told_once_with_the_versions_that_it_took_along(index, repository):
    """A version that was deleted before it does not come back with it, and is not told before the model is back."""
    repository.delete_version("digits", "2", team=TEAM, keep_seconds=WEEK_SECONDS)
    model = repository.model("digits", team=TEAM).id
    repository.delete_model("digits", team=TEAM, keep_seconds=WEEK_SECONDS)
    assert told(index) == [("digits", None, 3)]
    repository.restore_model(model, team=TEAM)
    assert len(repository.model(model, team=TEAM).versions) == 3
    assert told(index) == [("digits", 2, 1)]


def test_a_model_that_was_registered_again_is_told_beside_its_new_versions(index, repository, tmp_path):
    """Only what went with the latest deletion is what restoring brings back."""
    repository.delete_model("digits", team=TEAM, keep_seconds=WEEK_SECONDS)
    add_version(repository, tmp_path, step=5)
    assert told(index) == [("digits", None, 4)]
    repository.delete_model("digits", team=TEAM, keep_seconds=WEEK_SECONDS)
    assert told(index) == [("digits", None, 1)]
    repository.restore_model("digits", team=TEAM)
    assert told(index) == [("digits", None, 4)]


def test_the_latest_deletion_comes_first_and_models_have_the_names_that_they_had(index, repository, tmp_path):
    """Also those that were renamed, and those whose directory cannot have the whole name."""
    add_version(repository, tmp_path, model="first", step=1)
    add_version(repository, tmp_path, model=LONG, step=1)
    repository.rename("first", "renamed", team=TEAM)
    for name in ("renamed", LONG):
        repository.delete_model(name, team=TEAM, keep_seconds=WEEK_SECONDS)
    assert told(index) == [(LONG, None, 1), ("renamed", None, 1)]


def test_the_latest_deletion_that_stands_is_named_as_the_directory_names_it(index, repository, tmp_path):
    """Trainings that were told about before it went with the model; a deletion that was taken back took nothing."""

    def named():
        index.refresh()
        return index.latest_deletion(TEAM, "digits")

    def newest_event():
        place = repository.place_called("digits", team=TEAM)
        return max(name.removesuffix(".json") for name in repository.storage.names(place.events))

    assert named() == ""
    repository.delete_model("digits", team=TEAM, keep_seconds=WEEK_SECONDS)
    deletion = newest_event()
    add_version(repository, tmp_path, step=5)
    assert named() == deletion
    repository.note("digits", "after it", team=TEAM)
    assert named() == deletion != newest_event()
    repository.restore_model("digits", team=TEAM)
    assert named() == ""
