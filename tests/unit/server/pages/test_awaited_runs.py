"""Trainings without a version, above the list of models."""

from served import served

from modelwatch.core.errors import StateError
from modelwatch.repository.view import RepositoryView
from modelwatch.testing.sink_contract import make_report


def test_a_directory_that_cannot_be_read_takes_the_trainings_away_and_nothing_else(tmp_path, monkeypatch):
    """The list itself is answered from the index, as it is while a mount hangs or is gone."""

    def gone(*_):
        raise StateError("the volume is gone")

    with served(tmp_path / "repository") as server:
        report = make_report(model="awaited")
        server.services.library("default", sees_all=True).report(report)
        address = "/default/models"
        now = server.services.clock.now()
        assert report.updated < now - 24 * 3600.0
        assert "awaited" not in server.client.get(address).text  # told of long ago
        monkeypatch.setattr(server.services.clock, "now", lambda: report.updated + 1)
        assert "awaited" in server.client.get(address).text
        monkeypatch.setattr(RepositoryView, "latest_runs_at", gone)
        answer = server.client.get(address)
        assert (answer.status_code, "awaited" in answer.text) == (200, False)
