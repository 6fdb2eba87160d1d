"""What was deleted and can be restored, as the events tell."""

import time

import pytest
from repositories import TEAM, add_version, new_repository

WEEK = 7 * 86_400.0


@pytest.fixture
def repository(tmp_path):
    """Give a repository with three versions of a model."""
    repository = new_repository(tmp_path / "repository")
    for step in (10, 20, 30):
        add_version(repository, tmp_path, step=step)
    return repository


def _deleted(repository, after=0.0):
    return [(each.version, each.versions) for each in repository.deleted(TEAM, time.time() + after)]


def test_it_is_listed_until_its_content_may_go(repository):
    """To the second, and not at all when it was to go at once."""
    repository.delete_version("digits", "1", team=TEAM, keep_seconds=WEEK)
    repository.delete_version("digits", "2", team=TEAM)
    assert _deleted(repository) == [(1, (1,))]
    assert _deleted(repository, WEEK) == []


def test_of_two_deletions_of_a_model_the_latest_can_be_taken_back(repository, tmp_path):
    """With what went with it; what had been deleted before is listed when the model is back."""
    repository.delete_version("digits", "3", team=TEAM, keep_seconds=WEEK)
    repository.delete_model("digits", team=TEAM, keep_seconds=WEEK)
    assert _deleted(repository) == [(None, (1, 2))]
    add_version(repository, tmp_path, step=40)
    assert _deleted(repository) == [(None, (1, 2))]
    repository.delete_model("digits", team=TEAM, keep_seconds=WEEK)
    assert _deleted(repository) == [(None, (4,))]
    repository.restore_model("digits", team=TEAM)
    assert _deleted(repository) == [(None, (1, 2))]
    repository.restore_model("digits", team=TEAM)
    assert _deleted(repository) == [(3, (3,))]
    assert [version.number for version in repository.model("digits", team=TEAM).versions] == [1, 2, 4]


def test_it_has_the_name_that_the_model_had(repository):
    """The one that it was renamed to; and other teams have nothing deleted."""
    repository.rename("digits", "numbers", team=TEAM)
    identifier = repository.model("numbers", team=TEAM).id
    repository.delete_model("numbers", team=TEAM, keep_seconds=WEEK)
    [found] = repository.deleted(TEAM, time.time())
    assert (found.model, found.model_id) == ("numbers", identifier)
    assert repository.deleted("another", time.time()) == ()


def test_a_damaged_event_hides_nothing(repository):
    """What it said is as if it had not been said; the rest is listed."""
    repository.delete_version("digits", "1", team=TEAM, keep_seconds=WEEK)
    [event] = (repository.root / "models" / TEAM / "digits" / "events").iterdir()
    event.with_name("0" * 26 + ".json").write_text("{")
    assert _deleted(repository) == [(1, (1,))]
