"""Every `gradient models` command of the client's last release against our server."""

import json
import os
import subprocess
import sys
from dataclasses import replace

import pytest
from client_output import rows, uploaded
from repositories import add_version
from waiting import wait_until

from modelwatch.core.entities import Metric
from modelwatch.core.entities.registration import Amendment
from modelwatch.repository.repository import Repository


@pytest.fixture
def onnx(gradient):
    """Give a file to upload."""
    path = gradient.home / "small.onnx"
    path.write_bytes(b"\x08\x07" + os.urandom(100_000))
    return path


@pytest.fixture
def folder(gradient):
    """Give a folder to upload, as a SavedModel is one."""
    root = gradient.home / "export"
    (root / "1" / "variables").mkdir(parents=True)
    (root / "1" / "saved_model.pb").write_bytes(os.urandom(5000))
    (root / "1" / "variables" / "variables.index").write_bytes(b"")
    (root / ".git").mkdir()
    (root / ".git" / "config").write_text("not a part of the model")
    return root


def test_an_empty_repository(gradient):
    """There is no model, and the client says so in its own words."""
    assert "No data found" in gradient.run("models", "list")


def test_a_file_comes_back_as_it_was_sent(gradient, onnx):
    """The frame that the client puts around the file is taken off again."""
    identifier = uploaded(gradient.run("models", "upload", str(onnx), "--name", "squeezenet", "--modelType", "ONNX"))
    assert ["squeezenet", identifier, "ONNX"] == rows(gradient.run("models", "list"))[1][:3]
    gradient.run("models", "download", "--id", identifier, "--destinationDir", "out")
    assert (gradient.home / "out" / "small.onnx").read_bytes() == onnx.read_bytes()


def test_an_empty_file_can_be_uploaded(gradient):
    """Nothing within the frame is a file of no bytes."""
    (gradient.home / "empty").touch()
    identifier = uploaded(gradient.run("models", "upload", "empty", "--name", "nothing", "--modelType", "Custom"))
    gradient.run("models", "download", "--id", identifier, "--destinationDir", "out")
    assert (gradient.home / "out" / "empty").read_bytes() == b""


def test_a_file_that_looks_like_a_frame_comes_back_too(gradient):
    """Only the client's own frame is taken off, not what is in the file."""
    content = b'--0123\r\nContent-Disposition: form-data; name="file"\r\n\r\nx\r\n--0123--\r\n'
    (gradient.home / "framed").write_bytes(content)
    identifier = uploaded(gradient.run("models", "upload", "framed", "--name", "framed", "--modelType", "Custom"))
    gradient.run("models", "download", "--id", identifier, "--destinationDir", "out")
    assert (gradient.home / "out" / "framed").read_bytes() == content


def test_a_folder_comes_back_as_a_folder(gradient, folder):
    """The client packs it; people get files."""
    identifier = uploaded(gradient.run("models", "upload", str(folder), "--name", "digits", "--modelType", "Tensorflow"))
    gradient.run("models", "download", "--id", identifier, "--destinationDir", "out")
    out = gradient.home / "out"
    assert sorted(str(path.relative_to(out)) for path in out.rglob("*") if path.is_file()) == [
        "1/saved_model.pb",
        "1/variables/variables.index",
    ]
    assert (out / "1" / "saved_model.pb").read_bytes() == (folder / "1" / "saved_model.pb").read_bytes()


def test_what_is_said_at_the_upload_is_kept(gradient, server, onnx):
    """Summary, notes, project and tags are the model's."""
    words = (
        "--name",
        "m",
        "--modelType",
        "onnx",
        "--modelSummary",
        '{"loss": 0.25}',
        "--notes",
        "first try",
        "--projectId",
        "prj1",
    )
    identifier = uploaded(gradient.run("models", "upload", str(onnx), *words, "--tag", "a", "--tags", "b,c"))
    model = server.json("/api/v1/teams/default/models/m")
    assert model["id"] == identifier
    assert (model["notes"], model["summary"], model["tags"]) == ("first try", {"loss": 0.25}, ["a", "b", "c"])
    assert model["latest"]["provenance"]["project"] == "prj1"
    assert model["latest"]["origin"] == "uploaded"
    assert model["latest"]["type"] == "ONNX"


def test_the_same_name_again_is_another_version(gradient, server, onnx):
    """The id that the client is given means that version."""
    words = ("models", "upload", str(onnx), "--name", "m", "--modelType", "ONNX")
    first, second = uploaded(gradient.run(*words)), uploaded(gradient.run(*words))
    assert first != second
    assert server.json("/api/v1/teams/default/models/m")["versions"] == 2
    assert f"/{first}/2/" in gradient.run("models", "details", "--id", second)
    assert "Model deleted" in gradient.run("models", "delete", "--id", second)
    assert server.json("/api/v1/teams/default/models/m")["versions"] == 1
    assert f"/{first}/1/" in gradient.run("models", "details", "--id", first)


def test_a_refused_upload_leaves_what_was_there(gradient, server, onnx):
    """The client deletes the id of an upload that failed; the model of that name stays."""
    gradient.run("models", "upload", str(onnx), "--name", "m", "--modelType", "ONNX")
    bad = gradient.home / "model.zip"
    bad.write_bytes(b"PK no archive at all")
    told = gradient.run("models", "upload", str(bad), "--name", "m", "--modelType", "Custom")
    assert "uploaded" not in told
    assert server.json("/api/v1/teams/default/models/m")["versions"] == 1


def test_lists_are_filtered(gradient, onnx):
    """By project and by tags."""
    gradient.run("models", "upload", str(onnx), "--name", "one", "--modelType", "ONNX", "--projectId", "p1", "--tag", "x")
    gradient.run(
        "models", "upload", str(onnx), "--name", "two", "--modelType", "ONNX", "--projectId", "p2", "--tag", "x", "--tag", "y"
    )
    assert [row[0] for row in rows(gradient.run("models", "list", "--projectId", "p1"))[1:]] == ["one"]
    assert {row[0] for row in rows(gradient.run("models", "list", "--tag", "x"))[1:]} == {"one", "two"}
    assert [row[0] for row in rows(gradient.run("models", "list", "--tag", "x", "--tag", "y"))[1:]] == ["two"]
    assert "No data found" in gradient.run("models", "list", "--tag", "z")


def test_tags_are_added_and_removed(gradient, onnx):
    """What is not named stays."""
    identifier = uploaded(gradient.run("models", "upload", str(onnx), "--name", "m", "--modelType", "ONNX", "--tag", "a"))
    gradient.run("models", "tags", "add", "--id", identifier, "--tag", "b", "--tags", "c,d")
    assert "a, b, c, d" in gradient.run("models", "details", "--id", identifier)
    gradient.run("models", "tags", "remove", "--id", identifier, "--tag", "a", "--tag", "d")
    assert "b, c" in gradient.run("models", "details", "--id", identifier)


def test_options_can_come_from_a_file(gradient, server, onnx):
    """The client's own options file."""
    options = {"name": "from-file", "modelType": "ONNX", "PATH": str(onnx), "modelSummary": {"accuracy": 0.5}}
    (gradient.home / "options.yaml").write_text(json.dumps(options))
    gradient.run("models", "upload", "--optionsFile", "options.yaml")
    assert server.json("/api/v1/teams/default/models/from-file")["summary"] == {"accuracy": 0.5}


def test_a_model_of_a_data_set_is_a_reference(gradient):
    """It is listed and has no files; a download makes nothing."""
    words = ("--name", "of-data", "--modelType", "Custom", "--datasetRef", "dsabc:1")
    gradient.run("models", "create", *words)
    listed = rows(gradient.run("models", "list"))[1]
    assert listed[0] == "of-data"
    gradient.run("models", "download", "--id", listed[1], "--destinationDir", "out")
    assert not list((gradient.home).glob("out/*"))


def test_what_is_not_there(gradient):
    """The client prints what it prints for the real service."""
    assert "Model not found" in gradient.run("models", "details", "--id", "monothere")
    assert "Failed" in gradient.run("models", "delete", "--id", "monothere")
    assert "Failed" in gradient.run("models", "download", "--id", "monothere", "--destinationDir", "out")


def test_deleted_is_gone(gradient, onnx):
    """From the list and from the details."""
    identifier = uploaded(gradient.run("models", "upload", str(onnx), "--name", "m", "--modelType", "ONNX"))
    assert "Model deleted" in gradient.run("models", "delete", "--id", identifier)
    assert "No data found" in gradient.run("models", "list")
    assert "Model not found" in gradient.run("models", "details", "--id", identifier)


def test_what_a_training_registered_is_listed_and_downloaded(gradient, server, tmp_path):
    """A generated model, with its experiment, and summary and detail in the shape of Gradient's."""
    repository = Repository.open(server.repository)
    add_version(repository, tmp_path, step=10, content=b"ten")
    add_version(repository, tmp_path, step=20, content=b"twenty")
    value = Metric("loss", "validation", 0.0283, 20, 1.0, "eval", "loss", "step")
    key = repository.version("digits", "2", team="default").registration.key
    repository.amend(Amendment("default", "digits", key, (value,)))
    wait_until(lambda: server.get("/api/v1/teams/default/models/digits/versions/2")[0] == 200)  # the server follows the directory
    model = server.json("/api/v1/teams/default/models/digits")
    listed = rows(gradient.run("models", "list"))[1]
    assert listed[:2] == ["digits", model["id"]]
    status, _, body = server.request(
        "GET", "/mlModels/getModelList/", {"filter": {"where": {"and": [{"id": model["id"]}]}}}, {"X-API-Key": "any"}
    )
    assert status == 200
    record = json.loads(body)["modelList"][0]
    result = {"max": 0.0283, "min": 0.0283, "mean": 0.0283, "median": 0.0283, "stddev": 0, "var": 0}
    assert record["summary"] == {"loss": {"scalar": "loss", "result": result}}
    assert record["detail"][0]["session"] == "eval"
    assert record["detail"][0]["scalars"][0]["data"][0] == {
        "operation": "mean",
        "checkpoints": [{"checkpoint": 20, "value": 0.0283}],
    }
    gradient.run("models", "download", "--id", model["id"], "--destinationDir", "out")
    assert (gradient.home / "out" / "data").read_bytes() == b"twenty"


def test_a_base_path_before_the_server_is_kept(gradient, server):
    """No answer redirects: the client would turn a POST into a GET."""
    for path in ("/mlModels/deleteModel", "/mlModels/deleteModel/"):
        status, _, body = server.request("POST", path, {"id": "monothere"})
        assert status == 404, body
    del gradient


def test_a_wrong_key_is_refused(gradient, server, onnx):
    """Once there are keys, as the real service does it."""
    made = _command("keys", "add", "for the client", "--team", "default", "--scope", "write", "--json", server=server)
    key = json.loads(made)["text"]
    wrong = replace(gradient, key="nonsense")
    assert "No such API token" in wrong.run("models", "list")
    right = replace(gradient, key=key)
    uploaded(right.run("models", "upload", str(onnx), "--name", "m", "--modelType", "ONNX"))
    assert rows(right.run("models", "list"))[1][0] == "m"
    assert "No such API token" in wrong.run("models", "delete", "--id", rows(right.run("models", "list"))[1][1])


def _command(*words, server):
    command = [sys.executable, "-m", "modelwatch", *words, "--repository", str(server.repository)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout
