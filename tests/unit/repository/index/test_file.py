"""The file of an index, and a Python that cannot use it."""

import pytest
from repositories import TEAM, add_version, new_repository

from modelwatch.core.errors import StateError
from modelwatch.repository.index import file
from modelwatch.repository.index.index import Index


def test_an_index_that_this_python_cannot_use_is_left_to_others(tmp_path, monkeypatch):
    """An SQLite without full-text search says so, with what helps, and removes nothing that another Python has made."""
    repository = new_repository(tmp_path / "repository")
    add_version(repository, tmp_path)
    path = tmp_path / "index.db"
    with Index.open(path, repository):
        pass
    before = path.read_bytes()
    poorer = tmp_path / "schema.sql"
    poorer.write_text(file._SCHEMA.read_text(encoding="ascii").replace("USING fts5", "USING no_such_module"), encoding="ascii")
    with monkeypatch.context() as patch:
        patch.setattr(file, "_SCHEMA", poorer)
        with pytest.raises(StateError, match=f"cannot use an index at {path}: no such module") as caught:
            Index.open(path, repository)
    assert "another Python" in caught.value.hint
    assert path.read_bytes() == before
    with Index.open(path, repository) as index:
        assert index.counts(TEAM).models == 1
