"""Databases of ours: made and upgraded by scripts, told apart from others', and one version at a time."""

import contextlib
import dataclasses
import sqlite3
import threading

import pytest

from modelwatch.core import database
from modelwatch.core.errors import StateError


@pytest.fixture
def kind(tmp_path):
    """A kind with two versions: a table, and a column more."""
    first, second = tmp_path / "1.sql", tmp_path / "2.sql"
    first.write_text("CREATE TABLE things (name TEXT) STRICT;\nINSERT INTO things VALUES ('a;b');\n")
    second.write_text("ALTER TABLE things ADD COLUMN size INTEGER;\n")
    return database.Kind("shelf", 0x1234, (first, second), where="the shelf", elsewhere="choose another", damaged="throw it away")


def older(kind):
    """Return the kind as it was one version before."""
    return dataclasses.replace(kind, scripts=kind.scripts[:1])


def names(path, kind):
    """Return what the table holds, read through a connection of its own."""
    with contextlib.closing(database.connect(path, kind)) as connection:
        return [tuple(row) for row in database.rows(connection, kind, "SELECT * FROM things ORDER BY name")]


def test_an_older_database_is_upgraded_and_keeps_its_rows(tmp_path, kind):
    """Each script that is missing is run, in order, and what was there stays."""
    path = tmp_path / "shelf.db"
    assert names(path, older(kind)) == [("a;b",)]
    assert names(path, kind) == [("a;b", None)]


def test_a_newer_database_is_refused_and_left_alone(tmp_path, kind):
    """What a newer program wrote is neither read nor written by an older one."""
    path = tmp_path / "shelf.db"
    names(path, kind)
    with pytest.raises(StateError, match="shelf version 2, this one knows 1"):
        database.connect(path, older(kind))
    assert names(path, kind) == [("a;b", None)]


def test_an_upgrade_that_fails_changes_nothing(tmp_path, kind):
    """When a script is wrong the database stays at the version that it had, with all its rows."""
    path = tmp_path / "shelf.db"
    names(path, older(kind))
    kind.scripts[1].write_text("ALTER TABLE things ADD COLUMN size INTEGER;\nALTER TABLE missing ADD COLUMN size INTEGER;\n")
    with pytest.raises(StateError, match="cannot write the shelf"):
        database.connect(path, kind)
    assert names(path, older(kind)) == [("a;b",)]


def test_many_who_open_it_first_make_it_once(tmp_path, kind):
    """Of several that find no database one makes it, and the others use what it made and take it for nobody else's."""

    def open_together(path, gate, found):
        gate.wait()
        try:
            found.append(names(path, kind))
        except StateError as error:
            found.append(error)

    for round_ in range(20):
        gate, found = threading.Barrier(6), []
        arguments = (tmp_path / f"{round_}.db", gate, found)
        threads = [threading.Thread(target=open_together, args=arguments) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert found == [[("a;b", None)]] * 6


def test_another_database_is_refused(tmp_path, kind):
    """A database with tables that are not ours is not written into."""
    path = tmp_path / "shelf.db"
    with contextlib.closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE theirs (name TEXT)")
    with pytest.raises(StateError, match="not a shelf of modelwatch"):
        database.connect(path, kind)


def test_a_connection_made_for_any_thread_is_used_by_another(tmp_path, kind):
    """Only who asked for it may hand a connection on; SQLite itself refuses the others."""
    path, told = tmp_path / "shelf.db", []
    for any_thread in (True, False):
        with contextlib.closing(database.connect(path, kind, any_thread=any_thread)) as connection:

            def read(connection=connection):
                try:
                    told.append(connection.execute("SELECT count(*) FROM things").fetchone()[0])
                except sqlite3.ProgrammingError:
                    told.append("refused")

            thread = threading.Thread(target=read)
            thread.start()
            thread.join()
    assert told == [1, "refused"]


def test_what_sqlite_lacks_is_named(tmp_path, kind):
    """An SQLite that was built without something says what, and another Python is what helps."""
    kind.scripts[0].write_text("CREATE VIRTUAL TABLE things USING no_such_module(name);\n")
    with pytest.raises(StateError, match="no such module: no_such_module") as caught:
        database.connect(tmp_path / "shelf.db", kind)
    assert "another Python" in caught.value.hint
