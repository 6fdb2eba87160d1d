"""`modelwatch doctor`: what it finds, what it ends with, and that it leaves nothing behind."""

import json
import os
import shutil

import pytest

from modelwatch.cli import doctor_checks
from modelwatch.cli.main import main
from modelwatch.core.mounts import Mount
from modelwatch.daemon.state_folder import journal_path, owned


@pytest.fixture
def here(tmp_path, monkeypatch):
    """Return a working directory with a model path, and keep the default repository below it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MODELWATCH_REPOSITORY", "repository")
    (tmp_path / "models").mkdir()
    return tmp_path


@pytest.fixture
def doctor(here, capsys):
    """Return a function that runs doctor and returns its exit code and its findings: subject → finding."""

    def run(*words):
        code = main(["doctor", "--json", *words])
        shown = json.loads(capsys.readouterr().out)
        assert shown["healthy"] == (code == 0)
        return code, {finding["subject"]: finding for finding in shown["findings"]}

    return run


def contents(folder):
    """Return every path below a folder and the times of its folders."""
    return sorted((path, path.stat().st_mtime_ns if path.is_dir() else 0) for path in folder.rglob("*"))


def test_where_all_is_well_it_says_what_would_be_done(doctor, here):
    """Each part has its finding, and the exit code is 0."""
    code, found = doctor("--modelPath", "models")
    assert code == 0
    assert list(found) == [
        "options",
        "model path",
        "file system",
        "changes",
        "state folder",
        "snapshots",
        "event files",
        "models",
        "repository",
        *(["repository on"] if "repository on" in found else []),
    ]
    assert found["model path"]["text"] == f"{here / 'models'}, 0 files"
    assert found["state folder"]["text"].startswith(str(here / "models" / ".modelwatch"))
    assert str(here / "repository") in found["repository"]["text"]


def test_nothing_is_left_behind(doctor, here):
    """Neither state folder nor repository is made, and one that is there is as it was."""
    (here / "models" / "1").mkdir()
    before = contents(here)
    doctor("--modelPath", "models", "--stateDir", "state/of/mine")
    assert contents(here) == before
    with owned(here / "state"):
        before = contents(here)
        doctor("--modelPath", "models", "--stateDir", "state")
        assert [path for path, _ in contents(here)] == [path for path, _ in before]


def test_without_a_model_path_it_says_so_and_goes_on(doctor):
    """An option has to be changed: 78; the repository is looked at all the same."""
    if os.path.exists("/artifacts"):  # noqa: PTH110 - as short as the path
        pytest.skip("this machine has an /artifacts folder")
    code, found = doctor()
    assert code == 78
    assert found["model path"]["level"] == "problem"
    assert "--modelPath" in found["model path"]["advice"]
    assert found["repository"]["level"] == "ok"


def test_a_model_path_that_training_will_make_is_a_warning(doctor, here):
    """It is not there, nothing is wrong with that, and nothing of it is made."""
    code, found = doctor("--modelPath", "later/models")
    assert code == 0
    assert found["model path"]["level"] == "warning"
    assert not (here / "later").exists()


def test_a_missing_model_path_is_not_made_even_for_a_moment(doctor, here):
    """A training that insists on making it itself would fail on ours: the time of the folder above shows that nothing came or went."""
    above = here / "storage"
    above.mkdir()
    before = above.stat().st_mtime_ns
    _, found = doctor("--modelPath", "storage/models")
    assert found["snapshots"]["text"] == "known once the model path exists"
    assert above.stat().st_mtime_ns == before


def test_a_file_in_place_of_the_model_path_is_a_problem(doctor, here):
    """A folder is wanted."""
    (here / "file").touch()
    code, found = doctor("--modelPath", "file")
    assert (code, found["model path"]["level"]) == (74, "problem")


def test_what_is_there_is_recognised(doctor, here):
    """Models with their verdict, event files by folder, and what is not looked at; names of any kind are shown escaped."""
    models = here / "models"
    (models / "eval\x1b[2J").mkdir()
    (models / "eval\x1b[2J" / "events.out.tfevents.1.host").touch()
    (models / "elsewhere").symlink_to("/")
    (models / "m.onnx").write_bytes(b"not a model")
    code, found = doctor("--modelPath", "models")
    assert code == 0
    assert found["model path"]["details"] == ["not looked at: elsewhere (symbolic link, not followed)"]
    assert found["event files"]["details"] == ["eval\x1b[2J: 1"]
    assert found["models"]["text"].endswith("(looking for every type)")


def test_a_terminal_gets_no_control_characters(here, capsys):
    """Names of files come from anybody."""
    (here / "models" / "a\x1b[2J").mkdir()
    (here / "models" / "a\x1b[2J" / "events.out.tfevents.1.host").touch()
    assert main(["doctor", "--modelPath", "models"]) == 0
    shown = capsys.readouterr().out
    assert "\x1b" not in shown
    assert "a\\x1b[2J: 1" in shown


def test_missing_log_directories_are_a_warning(doctor):
    """The option may be wrong, or training makes them later."""
    assert doctor("--modelPath", "models", "--logDir", "logs")[1]["event files"]["level"] == "warning"


def test_polling_says_why(doctor, monkeypatch):
    """A network file system does not tell of changes; an option decides over it."""
    monkeypatch.setattr(doctor_checks, "mount_of", lambda path: Mount("/m", "nfs4", "server:/m"))
    assert doctor("--modelPath", "models", "--pollInterval", "7")[1]["changes"]["text"].startswith("polling every 7 s: nfs4")
    assert "--watchMethod" in doctor("--modelPath", "models", "--watchMethod", "poll")[1]["changes"]["text"]


def test_a_repository_in_the_containers_layer_is_a_warning(doctor, monkeypatch):
    """It goes away with the container, which is rarely meant."""
    monkeypatch.setattr(doctor_checks, "mount_of", lambda path: Mount("/", "overlay", "overlay"))
    code, found = doctor("--modelPath", "models")
    assert code == 0
    assert found["repository"]["level"] == "warning"
    assert "mounted volume" in found["repository"]["advice"]


def test_a_folder_that_is_no_repository_is_a_problem(doctor, here):
    """Nothing can be registered with it."""
    (here / "repository").mkdir()
    (here / "repository" / "repository.json").write_text("{}", encoding="utf-8")
    code, found = doctor("--modelPath", "models")
    assert (code, found["repository"]["level"]) == (74, "problem")


def test_an_address_that_nobody_knows_is_a_problem_of_the_option(doctor):
    """The scheme is named."""
    code, found = doctor("--modelPath", "models", "--repository", "gopher://x")
    assert code == 78
    assert "gopher" in found["repository"]["text"]


def test_a_damaged_journal_is_a_problem(doctor, here):
    """The agent could not go on from it."""
    state = here / "state"
    state.mkdir()
    journal_path(state).write_bytes(b"not a database" * 100)
    code, found = doctor("--modelPath", "models", "--stateDir", "state")
    assert (code, found["state folder"]["level"]) == (74, "problem")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_state_folder_that_cannot_be_written_is_a_problem(doctor, here):
    """Another one has to be chosen."""
    (here / "closed").mkdir(mode=0o500)
    code, found = doctor("--modelPath", "models", "--stateDir", "closed/state")
    assert (code, found["state folder"]["level"]) == (74, "problem")


def test_wrong_options_are_reported_as_everywhere(doctor, here, capsys):
    """All of them, and 78."""
    assert main(["doctor", "--modelType", "x", "--drainTimeout", "y"]) == 78
    assert capsys.readouterr().err.count("modelwatch: error: ") == 2


def test_little_room_is_a_warning_that_says_for_what(doctor, monkeypatch):
    """A snapshot takes it from the model path, a version from the repository."""
    monkeypatch.setattr(doctor_checks.shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(10, 9, 1))
    _, found = doctor("--modelPath", "models")
    assert {found[subject]["level"] for subject in ("file system", "repository on") if subject in found} == {"warning"}
    assert "a snapshot needs" in found["file system"]["advice"]
