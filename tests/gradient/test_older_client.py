"""The client's last release that knows experiments against our server."""

import os

from client_output import rows, uploaded
from repositories import add_version
from waiting import wait_until

from modelwatch.repository.repository import Repository


def test_models_are_listed_by_experiment(older, server, tmp_path):
    """The experiment that a training was a part of."""
    add_version(Repository.open(server.repository), tmp_path)
    wait_until(lambda: server.get("/api/v1/teams/default/models/digits")[0] == 200)  # the server follows the directory
    assert "e1" in rows(older.run("models", "list", "--experimentId", "e1"))[1]
    assert "No data found" in older.run("models", "list", "--experimentId", "other")


def test_a_file_comes_back_as_it_was_sent(older):
    """With tags, and deleted in the end."""
    content = os.urandom(10_000)
    (older.home / "small.onnx").write_bytes(content)
    identifier = uploaded(older.run("models", "upload", "small.onnx", "--name", "m", "--modelType", "ONNX", "--tag", "a"))
    older.run("models", "tags", "add", "--id", identifier, "--tag", "b")
    assert "a, b" in older.run("models", "details", "--id", identifier)
    older.run("models", "download", "--id", identifier, "--destinationDir", "out")
    assert (older.home / "out" / "small.onnx").read_bytes() == content
    assert "Model deleted" in older.run("models", "delete", "--id", identifier)
    assert "No data found" in older.run("models", "list")


def test_experiments_run_elsewhere(older):
    """Who asks for them is told so."""
    assert "experiments run elsewhere" in older.run("experiments", "list")
