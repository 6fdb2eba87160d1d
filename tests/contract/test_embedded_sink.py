"""The embedded repository keeps the contract of every sink, and its own promises about folders."""

import pytest
from repositories import registered_in, reported_in

from modelwatch.core.errors import TransientError
from modelwatch.sinks.embedded import EmbeddedSink
from modelwatch.testing.sink_contract import SinkContract, make_registration, make_snapshot


class TestEmbeddedSink(SinkContract):
    """The shared suite on a directory."""

    def make_sink(self, tmp_path):
        """Return a sink on one directory."""
        return EmbeddedSink(tmp_path / "repository")

    def registered(self, tmp_path):
        """Read the directory with the repository's own reader."""
        return registered_in(tmp_path / "repository")

    def reported(self, tmp_path):
        """Read the directory with the repository's own reader."""
        return reported_in(tmp_path / "repository")


def test_the_name_is_the_absolute_path(tmp_path, monkeypatch):
    """A relative folder is known by its absolute path, whatever the working directory is later."""
    monkeypatch.chdir(tmp_path)
    assert EmbeddedSink("repository").name == f"directory:{tmp_path}/repository"


def test_a_foreign_folder_is_never_written_into(tmp_path):
    """A folder that holds something else stays as it is, and the error says what to do."""
    (tmp_path / "thesis.tex").write_text("chapter 1")
    snapshot = make_snapshot(tmp_path.parent / f"{tmp_path.name}-snapshot", {"data": b"x"})
    sink = EmbeddedSink(tmp_path)
    for attempt in (sink.check, lambda: sink.register(make_registration(snapshot.manifest), snapshot)):
        with pytest.raises(TransientError, match="not a modelwatch repository") as caught:
            attempt()
        assert caught.value.hint
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_repository_that_vanishes_is_not_made_anew(tmp_path):
    """When the folder is gone (a volume was unmounted), registering waits instead of starting a second repository below it."""
    snapshot = make_snapshot(tmp_path / "snapshot", {"data": b"x"})
    sink = EmbeddedSink(tmp_path / "repository")
    sink.register(make_registration(snapshot.manifest), snapshot)
    (tmp_path / "repository").rename(tmp_path / "elsewhere")
    with pytest.raises(TransientError, match="gone"):
        sink.register(make_registration(snapshot.manifest, step=20), snapshot)
    assert not (tmp_path / "repository").exists()
    (tmp_path / "elsewhere").rename(tmp_path / "repository")
    assert sink.register(make_registration(snapshot.manifest, step=20), snapshot).version == "2"
