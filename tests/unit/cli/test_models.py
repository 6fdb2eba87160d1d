"""`modelwatch models` and `modelwatch experiments`, run as the command line runs them."""

import contextlib
import json
import math
import re
from dataclasses import replace

import pytest
from repositories import TEAM, add_version, new_repository
from thread_server import thread_server

from modelwatch.cli.main import main
from modelwatch.core.digest import Digest
from modelwatch.core.entities import Lifetime, Metric, Storage
from modelwatch.repository.repository import Repository
from modelwatch.testing.sink_contract import make_registration, make_snapshot

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


@pytest.fixture(params=["folder", "server"])
def where(request):
    """Run a test on the folder of a repository, and again through a server that serves it."""
    return request.param


@pytest.fixture
def run(tmp_path, capsys, where):
    """
    Return a function that runs a command on the test's repository and gives exit code, standard output and standard error.

    The server starts with the first command: what the test has put into the folder by then is what it finds.
    """
    with contextlib.ExitStack() as stack:
        address = str(tmp_path / "repository")

        def call(*words):
            nonlocal address
            if where == "server" and "://" not in address:
                address = stack.enter_context(thread_server(tmp_path / "repository")).url
            code = main([*words, "--repository", address])
            printed = capsys.readouterr()
            return code, printed.out, printed.err

        yield call


@pytest.fixture
def run_json(run):
    """Return a function that runs a command with `--json`, expects success and gives the value."""

    def call(*words):
        code, out, err = run(*words, "--json")
        assert (code, err) == (0, "")
        return json.loads(out)

    return call


@pytest.fixture
def repository(tmp_path):
    """A repository with two versions of one model, the second with metrics."""
    repository = new_repository(tmp_path / "repository")
    add_version(repository, tmp_path, step=10, lifetime=Lifetime.EXPERIMENT)
    snapshot = make_snapshot(tmp_path / "s", {"model.index": b"index", "nested/data": b"weights"})
    metrics = tuple(
        Metric(key, split, value, 20, 1000.0, run=split, tag=key, join="step")
        for key, split, value in [("loss", "train", 0.25), ("accuracy", "train", 0.5), ("loss", "validation", math.nan)]
    )
    repository.register(make_registration(snapshot.manifest, step=20).with_metrics(metrics), snapshot)
    return repository


# ------------------------------------------------------------------------------------------------------------------- looking


@pytest.mark.parametrize("exists", [False, True])
def test_an_empty_repository_says_how_to_start(run, run_json, tmp_path, where, exists):
    """Listing before anything was registered is no error, makes nothing, and tells three ways to begin."""
    if exists:
        (tmp_path / "repository").mkdir()
    code, out, _ = run("models", "list")
    assert code == 0
    assert all(f"modelwatch {command}" in out for command in ("run", "watch --once", "models upload"))
    assert run_json("models", "list") == {"models": []}
    assert run_json("experiments", "list") == {"experiments": []}
    assert where == "server" or not list(tmp_path.glob("repository/*"))


def test_the_table_shows_the_latest_version(run, repository):
    """One line a model: number, type, step, loss and accuracy of training and validation, size, when, id."""
    code, out, _ = run("models", "list")
    heading, line = out.splitlines()
    assert code == 0
    assert heading.split("  ")[0] == "name"
    assert re.split(r"\s{2,}", line)[:8] == ["digits", "2", "Tensorflow", "20", "0.2500", "0.5000", "nan", "12 B"]
    assert line.endswith(repository.models()[0].id)


def test_the_list_can_be_narrowed_by_tags(run, run_json, repository):
    """Only models with every tag are shown."""
    repository.tag("digits", ("a", "b"), team=TEAM)
    assert len(run_json("models", "list", "--tag", "a", "--tag", "b")["models"]) == 1
    assert run_json("models", "list", "--tag", "a", "--tag", "c") == {"models": []}
    assert run("models", "list", "--tag", "c")[1] == "no model has these tags\n"


def test_the_json_of_a_list_is_stable(run_json, repository):
    """Sizes are bytes, times RFC 3339 in UTC, and what JSON cannot hold is a string."""
    (model,) = run_json("models", "list")["models"]
    latest = model.pop("latest")
    assert set(model) == {"id", "name", "team", "created", "modified", "tags", "notes", "summary", "public", "aliases", "versions"}
    assert model["versions"] == 2
    assert all(TIME.fullmatch(text) for text in (model["created"], latest["registered"], latest["created"]))
    assert latest["created"] == "1970-01-01T00:17:00.000Z"
    assert (latest["size"], latest["files"], latest["origin"]) == (12, 2, "generated")
    assert [metric["value"] for metric in latest["metrics"]] == [0.25, 0.5, "NaN"]
    assert latest["metrics"][0]["join"] == "step"


def test_versions_lists_each(run, run_json, repository):
    """Every live version is a line, and an object in JSON."""
    assert len(run("models", "versions", "digits")[1].splitlines()) == 3
    assert [version["version"] for version in run_json("models", "versions", "digits")["versions"]] == [1, 2]


def test_details_tells_all(run, run_json, repository):
    """Provenance, metadata, metrics and how they were joined, files, notes and tags are there, by name or id."""
    repository.note("digits", "mind the bias", team=TEAM, version="2")
    shown = run_json("models", "details", repository.models()[0].id)
    assert shown["version"]["provenance"] == {"run": "run-1", "experiment": "e1", "project": "p1", "host": "trainer"}
    assert shown["version"]["metadata"] == {"variables": 3}
    assert [file["path"] for file in shown["version"]["files"]] == ["model.index", "nested/data"]
    out = run("models", "details", "digits")[1]
    assert all(text in out for text in ("mind the bias", "trainer", "joined by", "nested/data", "variables"))


def test_details_show_people_the_beginning_of_what_is_long(run, run_json, repository, tmp_path):
    """An optimizer's whole configuration is one line that says so; programs get all of it."""
    optimizer = {"class": "Adam", "config": {f"slot_{number}": number for number in range(100)}}
    snapshot = make_snapshot(tmp_path / "k", {"a": b"1"})
    registration = replace(make_registration(snapshot.manifest, step=30), metadata={"optimizer": optimizer}, summary="s" * 200)
    repository.register(registration, snapshot)
    _, out, err = run("models", "details", "digits")
    assert '{"class": "Adam", "config"' in out
    assert "slot_99" not in out
    assert max(map(len, out.splitlines())) < 200
    assert "--json shows all" in err
    shown = run_json("models", "details", "digits")
    assert shown["version"]["metadata"] == {"optimizer": optimizer}
    assert shown["model"]["summary"] == "s" * 200


def test_files_of_an_older_version(run_json, repository):
    """`--version` takes a number; paths, sizes and digests are those of that version."""
    shown = run_json("models", "files", "digits", "--version", "1")
    assert (shown["version"], [(file["path"], file["size"]) for file in shown["files"]]) == (1, [("data", 9)])
    assert shown["files"][0]["digest"].startswith("sha256:")


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("details", "digit"), 66, "there are: digits"),
        (("details", "digits", "--version", "7"), 66, "the latest is 2"),
        (("files", "digits", "--version", "0"), 66, "no version 0"),
        (("delete", "digits"), 64, "--yes"),
        (("upload", "/nonexistent", "--name", "x"), 66, "nonexistent"),
        (("upload", "/", "--modelType", "Caffe"), 64, "choose Tensorflow, ONNX, Custom"),
        (("upload", "/", "--modelSummary", "{"), 64, "not JSON"),
        (("download", "digits", "--file", "nothing"), 66, "models files"),
    ],
)
def test_mistakes_are_told_with_what_to_do(run, repository, words, code, said):
    """Each wrong argument has its exit code and one clear message, and nothing on standard output."""
    got, out, err = run("models", *words)
    assert (got, out) == (code, "")
    assert said in err


@pytest.mark.parametrize("where", ["folder"], indirect=True)
def test_what_cannot_be_read_is_left_out_and_told(run, repository):
    """A torn version is no error: the others are shown, and standard error says which was left out."""
    torn = repository.root / "models/default/digits/versions/00000002.json"
    torn.unlink()
    torn.write_bytes(b"{")
    code, out, err = run("models", "list")
    assert (code, len(out.splitlines())) == (0, 2)
    assert "left out: models/default/digits/versions/00000002.json" in err


@pytest.mark.parametrize("where", ["folder"], indirect=True)
def test_a_repository_that_cannot_be_read_is_told(run, repository, monkeypatch):
    """A folder that this user may not read is one line and code 74."""

    def denied(_prefix):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("modelwatch.repository.storage.directory.DirectoryStorage.names", lambda _storage, prefix: denied(prefix))
    for words in (("models", "list"), ("models", "details", "digits")):
        code, out, err = run(*words)
        assert (code, out) == (74, "")
        assert "cannot be read" in err


def test_control_characters_in_names_do_not_reach_the_terminal(run, tmp_path):
    """A model's name cannot move the cursor or break a line."""
    add_version(new_repository(tmp_path / "repository"), tmp_path / "w", model="\x1b[2Jevil\nname")
    code, out, _ = run("models", "list")
    assert code == 0
    assert "\x1b" not in out
    assert len(out.splitlines()) == 2


# -------------------------------------------------------------------------------------------------------------- transferring


def test_upload_and_download_round_trip(run, run_json, tmp_path):
    """A folder comes back as it was, and uploading again makes another version."""
    make_snapshot(tmp_path / "export", {"weights.bin": b"w" * 100, "nested/config.json": b"{}", ".git/HEAD": b"x"})
    words = ("models", "upload", str(tmp_path / "export"), "--name", "mine", "--model-type", "custom", "--tag", "a", "--tag", "b")
    shown = run_json(*words, "--modelSummary", '{"accuracy": 0.9}', "--notes", "by hand")
    assert (shown["model"]["tags"], shown["model"]["summary"], shown["model"]["notes"]) == (
        ["a", "b"],
        {"accuracy": 0.9},
        "by hand",
    )
    assert (shown["version"]["type"], shown["version"]["origin"], shown["version"]["files"]) == ("Custom", "uploaded", 2)
    code, out, _ = run("models", "download", "mine", "--destination", str(tmp_path / "here"))
    assert (code, out) == (0, f"downloaded mine version 1 to {tmp_path}/here: 2 files\n")
    assert (tmp_path / "here/nested/config.json").read_bytes() == b"{}"
    assert "2 there already" in run("models", "download", "mine", "--destinationDir", str(tmp_path / "here"))[1]
    assert "version 2" in run(*words)[1]


def test_the_name_and_the_destination_have_defaults(run, tmp_path, monkeypatch):
    """Without names, the model is called as the file is, and a version goes to a folder of its own that cannot lie elsewhere."""
    (tmp_path / "weights.bin").write_bytes(b"w")
    monkeypatch.chdir(tmp_path)
    assert "uploaded weights.bin version 1, 1 file, 1 B" in run("models", "upload", "weights.bin")[1]
    run("models", "upload", "weights.bin", "--name", "../../etc/passwd")
    assert run("models", "download", "../../etc/passwd")[0] == 0
    assert (tmp_path / "_.._etc_passwd-1/weights.bin").read_bytes() == b"w"


def test_a_type_is_recognised(run_json, tmp_path):
    """A file that a format knows gets that format's type without being told."""
    (tmp_path / "gradient-model-metadata.json").write_text('{"mse": 0.1}')
    assert (
        run_json("models", "upload", str(tmp_path / "gradient-model-metadata.json"), "--name", "a")["version"]["type"] == "Custom"
    )


def test_other_content_is_kept_unless_forced(run, repository, tmp_path):
    """A download refuses to replace a file that differs, with code 65, until it is told to."""
    make_snapshot(tmp_path / "here", {"model.index": b"mine"})
    code, _, err = run("models", "download", "digits", "--destination", str(tmp_path / "here"), "--file", "model.index", "nested")
    assert code == 65
    assert "--force" in err
    assert run("models", "download", "digits", "--destination", str(tmp_path / "here"), "--force")[0] == 0
    assert (tmp_path / "here/model.index").read_bytes() == b"index"


def test_verify_tells_changed_files_by_its_code(run, repository):
    """All unchanged is 0; anything else is 65 and says which."""
    assert run("models", "verify", "digits")[0] == 0
    blob = repository.storage.blob_path(Digest.of_bytes(b"index"))
    blob.chmod(0o644)
    blob.write_bytes(b"INDEX")
    code, out, _ = run("models", "verify", "digits", "--json")
    assert (code, [file["state"] for file in json.loads(out)["files"]]) == (65, ["changed", "unchanged"])


@pytest.mark.parametrize("where", ["folder"], indirect=True)
def test_verify_looks_at_referenced_files(run, repository, tmp_path):
    """They may have changed where they are."""
    snapshot = make_snapshot(tmp_path / "storage", {"data": b"1"})
    registration = replace(
        make_registration(snapshot.manifest, model="ref"), storage=Storage.REFERENCE, source=str(tmp_path / "storage")
    )
    repository.register(registration, None)
    (tmp_path / "storage/data").write_bytes(b"2")
    code, out, _ = run("models", "verify", "ref", "--json")
    assert (code, [file["state"] for file in json.loads(out)["files"]]) == (65, ["changed"])


# ------------------------------------------------------------------------------------------------------------------ changing


def test_tags_and_notes(run, run_json, repository):
    """Models and versions are tagged and noted on, and the answer shows how it is now."""
    assert run_json("models", "tag", "digits", "a", "b")["tags"] == ["a", "b"]
    assert run_json("models", "tag", "digits", "a", "--remove")["tags"] == ["b"]
    assert run_json("models", "tag", "digits", "x", "--version", "latest")["version"] == 2
    assert run_json("models", "note", "digits", "fine", "--version", "1")["notes"] == "fine"
    assert "fine too" in run("models", "note", "digits", "fine too")[1]


def test_an_alias_stands_for_a_version(run, run_json, repository):
    """An alias is taken wherever a version is named, until it is moved; a number cannot be one."""
    assert run_json("models", "alias", "digits", "best", "--version", "1") == {"model": "digits", "alias": "best", "version": 1}
    assert run_json("models", "files", "digits", "--version", "best")["version"] == 1
    assert run("models", "alias", "digits", "best")[1] == "best means version 2 of digits\n"
    assert run("models", "alias", "digits", "3")[0] == 64


def test_aliases_are_listed_and_removed(run, run_json, repository):
    """Without an alias those of the model are shown; a removed one means nothing any more."""
    assert run("models", "alias", "digits")[1] == "no version has an alias\n"
    for alias, version in (("best", "1"), ("Zürich 1", "2")):
        run("models", "alias", "digits", alias, "--version", version)
    assert run_json("models", "alias", "digits") == {"model": "digits", "aliases": {"best": 1, "Zürich 1": 2}}
    assert run_json("models", "list")["models"][0]["aliases"] == {"best": 1, "Zürich 1": 2}
    assert "best: 1" in run("models", "details", "digits")[1]
    assert run("models", "alias", "digits", "Zürich 1", "--remove")[1] == "Zürich 1 means nothing any more of digits\n"
    assert run_json("models", "alias", "digits", "best", "--remove") == {"model": "digits", "alias": "best", "version": None}
    assert run_json("models", "alias", "digits")["aliases"] == {}
    assert run("models", "alias", "digits", "best", "--remove")[0] == 66
    assert run("models", "alias", "digits", "--remove")[0] == 64


def test_a_model_can_be_renamed(run, run_json, repository, tmp_path):
    """It is found by its earlier name and its id as well; the name of another is refused."""
    identifier = repository.models()[0].id
    add_version(repository, tmp_path, model="other")
    assert run("models", "rename", "digits", "numbers")[1] == f"digits is called numbers now, id {identifier}\n"
    assert [model["name"] for model in run_json("models", "list")["models"]] == ["numbers", "other"]
    for name in ("digits", "numbers", identifier):
        assert run_json("models", "versions", name)["name"] == "numbers"
    assert run_json("models", "rename", "numbers", "digits")["name"] == "digits"
    code, _, err = run("models", "rename", "digits", "other")
    assert code == 64
    assert "already" in err


def test_an_epoch_is_shown_where_there_is_no_step(run, repository, tmp_path):
    """The table tells how far the training was, in the words that the checkpoint has."""
    snapshot = make_snapshot(tmp_path / "k", {"a": b"1"})
    repository.register(replace(make_registration(snapshot.manifest, model="keras"), step=None, epoch=3), snapshot)
    assert "epoch 3" in run("models", "list")[1]


def test_delete_a_version_and_a_model(run, run_json, repository, where):
    """What was deleted is told, and how much room that made or how it comes back."""
    assert run_json("models", "delete", "digits", "--version", "1", "--yes")["deleted"] == [1]
    said = {"folder": ", 12 B freed", "server": "; `modelwatch models restore` brings it back within a week"}[where]
    assert run("models", "delete", "digits", "--yes")[1] == f"deleted model digits with 1 version{said}\n"
    assert repository.models() == ()


@pytest.mark.parametrize("where", ["server"], indirect=True)
def test_what_a_server_deletes_can_be_restored(run, run_json, repository):
    """A version, and a model with all its versions, by its name or id; what was never there cannot."""
    identifier = repository.models()[0].id
    run("models", "delete", "digits", "--version", "1", "--yes")
    assert run("models", "restore", "digits", "--version", "1")[1] == "restored version 1 of model digits\n"
    for name in ("digits", identifier):
        run("models", "delete", "digits", "--yes")
        assert run("models", "list")[1].startswith("no models yet")
        assert run("models", "restore", name)[1] == "restored model digits with 2 versions\n"
    run("models", "delete", "digits", "--version", "2", "--yes")
    assert run_json("models", "restore", "digits", "--version", "2")["version"] == 2
    assert run("models", "restore", "digit")[0] == 66


@pytest.mark.parametrize("where", ["folder"], indirect=True)
def test_what_is_deleted_in_a_folder_is_gone(run, repository):
    """Its content went at once, and restoring says so."""
    run("models", "delete", "digits", "--version", "2", "--yes")
    code, _, err = run("models", "restore", "digits", "--version", "2")
    assert code == 65
    assert "was removed" in err


def test_a_model_can_be_published(run, run_json, repository):
    """Everyone may read it until that is taken back."""
    assert run("models", "publish", "digits")[1] == "digits can be read by everyone\n"
    assert run_json("models", "list")["models"][0]["public"] is True
    assert run("models", "publish", "digits", "--undo")[1] == "digits can be read by its team alone\n"
    assert run_json("models", "publish", "digits")["public"] is True


def test_published_models_of_all_teams_are_listed(run, run_json, repository, tmp_path):
    """Whoever asks for public models sees those of other teams too, and which team's they are."""
    snapshot = make_snapshot(tmp_path / "o", {"a": b"1"})
    repository.register(replace(make_registration(snapshot.manifest, model="theirs"), team="another"), snapshot)
    repository.publish("theirs", team="another")
    repository.tag("theirs", ("good",), team="another")
    run("models", "publish", "digits")
    listed = run_json("models", "list", "--public")["models"]
    assert [(model["team"], model["name"]) for model in listed] == [("another", "theirs"), ("default", "digits")]
    assert "another  theirs" in run("models", "list", "--public")[1]
    assert [model["name"] for model in run_json("models", "list", "--public", "--tag", "good")["models"]] == ["theirs"]


def test_where_nothing_is_published_that_is_said(run, run_json, repository):
    """A team's own models are not shown among the public ones."""
    assert run("models", "list", "--public")[1] == "no team has published a model\n"
    assert run_json("models", "list", "--public") == {"models": []}


@pytest.mark.parametrize("where", ["folder"], indirect=True)
def test_what_is_deleted_in_a_folder_can_be_kept_for_some_days(run, run_json, repository):
    """With `--keep` nothing is freed, and what was deleted comes back as it was."""
    before = repository.model("digits", team=TEAM)
    _, out, _ = run("models", "delete", "digits", "--yes", "--keep", "7")
    assert out == "deleted model digits with 2 versions; `modelwatch models restore` brings it back within 7 days\n"
    assert run_json("models", "restore", "digits")["versions"] == 2
    assert repository.model("digits", team=TEAM).versions == before.versions
    assert run_json("models", "delete", "digits", "--version", "1", "--yes", "--keep", "0.5")["freed"] == 0
    for days in ("0", "-1", "week", "nan", "inf"):
        assert run("models", "delete", "digits", "--yes", "--keep", days)[0] == 64
    assert run_json("models", "list")["models"][0]["versions"] == 1


def test_what_can_be_restored_is_listed(run, run_json, repository, where):
    """A version, a model with what went with it, the latest first; nothing of it is there any more once it is back."""
    keep = {"folder": ["--keep", "7"], "server": []}[where]
    assert run("models", "list", "--deleted")[1] == "nothing that was deleted can be restored\n"
    identifier = repository.models()[0].id
    run("models", "delete", "digits", "--version", "1", "--yes", *keep)
    [listed] = run_json("models", "list", "--deleted")["deleted"]
    assert (listed["model"], listed["id"], listed["version"], listed["versions"]) == ("digits", identifier, 1, [1])
    assert listed["deleted"] < listed["until"]
    run("models", "restore", "digits", "--version", "1")
    assert run_json("models", "list", "--deleted") == {"deleted": []}
    run("models", "delete", "digits", "--version", "2", "--yes", *keep)
    run("models", "delete", "digits", "--yes", *keep)
    [listed] = run_json("models", "list", "--deleted")["deleted"]
    assert (listed["version"], listed["versions"]) == (None, [1])
    assert "digits  all of it, 1 version  " in run("models", "list", "--deleted")[1]
    assert run("models", "restore", identifier)[0] == 0
    assert [each["version"] for each in run_json("models", "list", "--deleted")["deleted"]] == [2]


@pytest.mark.parametrize("where", ["folder"], indirect=True)
def test_what_cannot_be_restored_is_not_listed(run, run_json, repository):
    """Nor is it listed by tags, which went with it, or among what is public."""
    run("models", "delete", "digits", "--version", "1", "--yes")
    assert run_json("models", "list", "--deleted") == {"deleted": []}
    for words in (("--tag", "a"), ("--public",)):
        assert run("models", "list", "--deleted", *words)[0] == 64


@pytest.mark.parametrize("where", ["server"], indirect=True)
def test_how_long_a_server_keeps_what_was_deleted_is_its_own_to_say(run, repository):
    """`--keep` is refused there, and nothing is deleted."""
    code, _, err = run("models", "delete", "digits", "--yes", "--keep", "7")
    assert code == 64
    assert "--keep" in err
    assert len(repository.model("digits", team=TEAM).versions) == 2


def test_experiments(run, run_json, repository):
    """Deleting an experiment asks first, deletes what lives with it and keeps what is permanent."""
    (listed,) = run_json("experiments", "list")["experiments"]
    assert listed == run_json("experiments", "show", "e1")
    assert [(version["version"], version["lifetime"]) for version in listed["versions"]] == [(1, "experiment"), (2, "permanent")]
    assert all("e1" in run("experiments", command)[1] for command in ("list",))
    assert "with the experiment" in run("experiments", "show", "e1")[1]
    assert run("experiments", "delete", "e1")[0] == 64
    gone = run_json("experiments", "delete", "e1", "--yes")
    assert (gone["deleted"], gone["kept"]) == ([{"model": "digits", "version": 1}], [{"model": "digits", "version": 2}])
    assert run("experiments", "show", "e9")[0] == 66
    assert [version.number for version in Repository.open(repository.root).model("digits", team=TEAM).versions] == [2]


def test_a_repository_elsewhere_is_refused_clearly(capsys):
    """An address of a kind that cannot be read is told, not taken for a folder."""
    assert main(["models", "list", "--repository", "s3://bucket/models"]) != 0
    assert "s3" in capsys.readouterr().err


@pytest.mark.parametrize("where", ["server"], indirect=True)
@pytest.mark.parametrize("command", ["download", "verify"])
def test_referenced_files_are_not_reached_through_a_server(run, repository, tmp_path, command):
    """Whoever may register could otherwise name any file of the server's machine; which machine has them is told."""
    snapshot = make_snapshot(tmp_path / "storage", {"data": b"1"})
    registration = replace(make_registration(snapshot.manifest, model="ref"), storage=Storage.REFERENCE, source=snapshot.folder)
    repository.register(registration, None)
    code, out, err = run("models", command, "ref")
    assert (code, out) == (64, "")
    assert all(text in err for text in (snapshot.folder, "trainer"))
