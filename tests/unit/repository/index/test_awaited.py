"""Models that are being trained and have no version to show yet."""

from dataclasses import replace

from repositories import TEAM, add_version, new_repository

from modelwatch.repository.index import counting
from modelwatch.repository.index.index import Index
from modelwatch.testing.sink_contract import make_report


def awaited(index, repository, team=TEAM):
    """Return the names of the models, the one that was told of last first, and how many runs each has."""
    index.refresh()
    return [(place.model_part, len(repository.latest_runs_at([place], 10))) for place in index.awaited(team)]


def test_a_model_is_awaited_from_its_first_report_to_its_first_version(tmp_path):
    """What was told of last comes first; another team's models are its own."""
    repository = new_repository(tmp_path / "repository")
    add_version(repository, tmp_path, model="without-runs")
    with Index.open(tmp_path / "index.db", repository) as index:
        assert awaited(index, repository) == []
        repository.report(make_report(model="first"))
        assert awaited(index, repository) == [("first", 1)]
        repository.report(make_report(model="second"))
        assert awaited(index, repository) == [("second", 1), ("first", 1)]
        repository.report(make_report(model="first", run="run-2"))
        repository.report(replace(make_report(model="third"), team="others"))
        assert awaited(index, repository) == [("first", 2), ("second", 1)]
        assert awaited(index, repository, "others") == [("third", 1)]
        assert awaited(index, repository, "") == []
        add_version(repository, tmp_path, model="first")
        assert awaited(index, repository) == [("second", 1)]


def test_models_that_were_deleted_are_not_awaited(tmp_path, monkeypatch):
    """However many they are, they keep nobody from seeing a training that has no version yet."""
    monkeypatch.setattr(counting, "MOST_AWAITED", 1)
    repository = new_repository(tmp_path / "repository")
    repository.report(make_report(model="awaited"))
    add_version(repository, tmp_path)
    repository.report(make_report())
    repository.delete_model("digits", team=TEAM)
    repository.report(make_report(run="run-2"))
    with Index.open(tmp_path / "index.db", repository) as index:
        assert awaited(index, repository) == [("awaited", 1)]
