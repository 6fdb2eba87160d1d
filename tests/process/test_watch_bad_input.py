"""What people point `modelwatch watch` at by mistake, or what becomes of it meanwhile: a clear error or a clear wait, never a traceback."""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from waiting import wait_until

LIMIT_SECONDS = 60
MODELWATCH = [sys.executable, "-I", "-m", "modelwatch"]
KERAS = Path(__file__).parents[1] / "golden" / "keras" / "three-epochs.keras"
OPTIONS = ["--repository", "repository", "--modelName", "m", "--settleTime", "0", "--drainTimeout", "1s"]
WITHOUT_PRIVILEGES = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"]
"""Makes root an owner like any other: what it may not read by its mode it cannot read."""


def modelwatch(folder, *words, prefix=()):
    """Run a command to its end; return its exit code and what it told."""
    done = subprocess.run(
        [*prefix, *MODELWATCH, *words],
        cwd=folder,
        capture_output=True,
        text=True,
        errors="surrogateescape",
        timeout=LIMIT_SECONDS,
        check=False,
    )
    assert "Traceback" not in done.stderr
    assert "internal error" not in done.stderr
    return done.returncode, done.stderr


def once(folder, model_path, *options, prefix=()):
    """Register what a folder holds."""
    return modelwatch(folder, "watch", "--once", "--modelPath", model_path, *OPTIONS, *options, prefix=prefix)


def status(folder, model_path, prefix=()):
    """Return the status of a model path."""
    done = subprocess.run(
        [*prefix, *MODELWATCH, "status", "--modelPath", model_path, "--json"], cwd=folder, check=True, capture_output=True
    )
    return json.loads(done.stdout)


def registered(folder):
    """Return the checkpoint of each version in the repository, in order."""
    command = [*MODELWATCH, "models", "versions", "m", "--repository", "repository", "--json"]
    done = subprocess.run(command, cwd=folder, check=False, capture_output=True, text=True)
    if done.returncode:
        return []
    return [version["root"] for version in json.loads(done.stdout)["versions"]]


def save(folder, name="a.keras"):
    """Write a checkpoint, with its folder."""
    folder.mkdir(exist_ok=True)
    shutil.copy(KERAS, folder / name)


@contextlib.contextmanager
def watching(folder, *options, prefix=()):
    """Watch `models` while the block runs, then end with SIGTERM; give the file that it tells into."""
    log = folder / "told"
    with log.open("wb") as file:
        command = [*prefix, *MODELWATCH, "watch", "--modelPath", "models", *OPTIONS, *options]
        child = subprocess.Popen(command, cwd=folder, stderr=file)
    try:
        yield log
    finally:
        child.send_signal(signal.SIGTERM)
        child.wait(LIMIT_SECONDS)
    assert child.returncode == 0, log.read_text()
    assert "Traceback" not in log.read_text()


@pytest.fixture
def unprivileged():
    """Words that start a program as an owner like any other."""
    if os.geteuid() != 0:
        return []
    if shutil.which("setpriv") is None:
        pytest.skip("root may read everything, and setpriv is missing")
    return WITHOUT_PRIVILEGES


def test_a_missing_model_path_with_once_is_an_error(tmp_path):
    """Nobody will make it; and neither do we."""
    code, told = once(tmp_path, "missing")
    assert code == 66
    assert "does not exist" in told
    assert list(tmp_path.iterdir()) == []


def test_a_model_path_that_comes_later_is_waited_for(tmp_path):
    """Said once, and then watched."""
    with watching(tmp_path) as told:
        wait_until(lambda: "waiting: the model path" in told.read_text())
        save(tmp_path / "models")
        wait_until(lambda: "registered" in told.read_text())
    assert told.read_text().count("waiting") == 1


@pytest.mark.parametrize("words", [["--once"], []])
def test_a_file_in_place_of_the_model_path_is_an_error(tmp_path, words):
    """It will never be a folder."""
    (tmp_path / "models").write_text("not a folder")
    code, told = modelwatch(tmp_path, "watch", *words, "--modelPath", "models", *OPTIONS)
    assert code == 74
    assert "is not a folder" in told


def test_a_training_is_not_begun_with_a_file_in_place_of_its_model_path(tmp_path):
    """The mistake is told before the training starts, as for any other wrong option."""
    (tmp_path / "models").write_text("not a folder")
    code, told = modelwatch(tmp_path, "run", "--modelPath", "models", *OPTIONS, "--", "touch", "started")
    assert code == 125
    assert "is not a folder" in told
    assert not (tmp_path / "started").exists()


def test_a_model_path_that_may_not_be_read_is_waited_for(tmp_path, unprivileged):
    """Until somebody gives the right; with `--once` it is an error."""
    save(tmp_path / "models")
    (tmp_path / "models").chmod(0)
    code, told = once(tmp_path, "models", prefix=unprivileged)
    assert (code, "Permission denied" in told) == (74, True)
    with watching(tmp_path, prefix=unprivileged) as told:
        wait_until(lambda: "cannot be read: Permission denied" in told.read_text())
        (tmp_path / "models").chmod(0o755)
        wait_until(lambda: "registered" in told.read_text())


def test_what_may_not_be_read_inside_is_shown_and_stops_nothing(tmp_path, unprivileged):
    """A folder and a file without rights."""
    save(tmp_path / "models")
    save(tmp_path / "models", "secret.keras")
    save(tmp_path / "models" / "private")
    (tmp_path / "models" / "secret.keras").chmod(0)
    (tmp_path / "models" / "private").chmod(0)
    code, told = once(tmp_path, "models", prefix=unprivileged)
    shown = status(tmp_path, "models")
    (tmp_path / "models" / "private").chmod(0o755)
    assert code == 0
    assert "1 checkpoint was never completed: secret.keras: " in told
    assert registered(tmp_path) == ["a.keras"]
    assert {"path": "private", "reason": "permission denied"} in shown["skipped"]


def test_a_read_only_model_path_has_its_state_elsewhere(tmp_path, unprivileged):
    """In the user's own state folder, where status finds it; the second look registers nothing twice."""
    save(tmp_path / "models")
    (tmp_path / "models").chmod(0o555)
    assert once(tmp_path, "models", prefix=unprivileged)[0] == 0
    shown = status(tmp_path, "models", prefix=unprivileged)
    assert shown["counts"] == {"JOURNALLED": 1}
    assert str(tmp_path / "models") not in shown["state_folder"]
    (tmp_path / "models").chmod(0o755)
    assert once(tmp_path, "models")[0] == 0
    assert registered(tmp_path) == ["a.keras"]


@pytest.mark.parametrize("way", ["deleted", "moved"])
def test_a_model_path_that_goes_and_comes_back_is_watched_again(tmp_path, way):
    """With its state folder inside: what is saved in the new one is registered."""
    save(tmp_path / "models")
    with watching(tmp_path) as told:
        wait_until(lambda: "a.keras" in told.read_text())
        if way == "deleted":
            shutil.rmtree(tmp_path / "models")
        else:
            (tmp_path / "models").rename(tmp_path / "away")
        save(tmp_path / "models", "b.keras")
        wait_until(lambda: "b.keras" in told.read_text())
    assert registered(tmp_path) == ["a.keras", "b.keras"]


def test_a_state_folder_deleted_under_the_agent_is_made_anew(tmp_path):
    """SQLite writes into a deleted file without complaint; the same run registers nothing twice."""
    journal = tmp_path / "models" / ".modelwatch" / "journal.sqlite3"
    save(tmp_path / "models")
    with watching(tmp_path) as told:
        wait_until(lambda: "a.keras" in told.read_text())
        shutil.rmtree(journal.parent)
        wait_until(journal.exists)
        save(tmp_path / "models", "b.keras")
        wait_until(lambda: "b.keras" in told.read_text())
    assert registered(tmp_path) == ["a.keras", "b.keras"]


def test_odd_names_and_odd_entries_harm_nobody(tmp_path):
    """Bytes that are no text, line ends, terminal sequences; FIFOs, sockets, links out and loops."""
    models = tmp_path / "models"
    names = [b"\xe9.keras", b"new\nline.keras", b"\x1b[31mred.keras", b"-dash.keras", b"d\xff/x.keras"]
    (models / os.fsdecode(b"d\xff")).mkdir(parents=True)
    for name in names:
        shutil.copy(KERAS, os.fsencode(models) + b"/" + name)
    os.mkfifo(models / "fifo.keras")
    (models / "out").symlink_to("/etc")
    (models / "loop").symlink_to(".")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(os.path.relpath(models / "sock.keras"))
    code, told = once(tmp_path, "models")
    assert code == 0
    assert all(line.isprintable() for line in told.splitlines())
    assert sorted(registered(tmp_path)) == sorted(map(os.fsdecode, names))
    assert {entry["path"] for entry in status(tmp_path, "models")["skipped"]} == {"fifo.keras", "sock.keras", "out", "loop"}


@pytest.mark.parametrize("model_path", ["./models/../models/", "link", "link/"])
def test_a_model_path_is_one_however_it_is_written(tmp_path, model_path):
    """Relative, with dots, with a slash at the end, through a symbolic link: one state folder, nothing twice."""
    save(tmp_path / "models")
    (tmp_path / "link").symlink_to("models")
    assert once(tmp_path, "models")[0] == 0
    assert once(tmp_path, model_path)[0] == 0
    assert registered(tmp_path) == ["a.keras"]


def test_a_model_path_that_is_no_text_is_watched(tmp_path):
    """Its name reaches every line escaped."""
    model_path = os.fsdecode(b"mod\xff\n")
    save(tmp_path / model_path)
    code, told = once(tmp_path, model_path, "--repository", "missing\n/../afile")
    assert len([line for line in told.splitlines() if not line.startswith("modelwatch: ")]) == 0
    assert code in {0, 75}


@pytest.mark.parametrize("kind", ["a folder of others", "a file", "a newer format"])
def test_a_repository_that_is_not_ours_is_left_alone(tmp_path, kind):
    """The reason is said and kept; a folder that is ours takes the version later."""
    save(tmp_path / "models")
    repository = tmp_path / "repository"
    if kind == "a file":
        repository.write_text("somebody's")
    else:
        repository.mkdir()
        name, text = ("report.txt", "somebody's") if kind == "a folder of others" else (
            "repository.json",
            '{"kind": "modelwatch-repository", "format": 99, "id": "x", "created": 1}',
        )  # fmt: skip
        (repository / name).write_text(text)
    before = repository.read_bytes() if repository.is_file() else sorted(repository.iterdir())
    code, told = once(tmp_path, "models")
    assert code == 75
    assert "cannot register now" in told
    assert "1 delivery is left and kept; finish with: modelwatch drain" in told
    assert before == (repository.read_bytes() if repository.is_file() else sorted(repository.iterdir()))
    assert status(tmp_path, "models")["last_error"]
    repository.rename(tmp_path / "not-ours")
    (tmp_path / "models").rename(tmp_path / "elsewhere")
    assert modelwatch(tmp_path, "drain", "--modelPath", "elsewhere", *OPTIONS)[0] == 0
    assert registered(tmp_path) == ["a.keras"]


def test_a_training_whose_repository_is_away_ends_as_it_would(tmp_path, unprivileged):
    """Its exit code is its own; drain finishes, from where the folder was moved to."""
    (tmp_path / "repository").mkdir()
    (tmp_path / "repository").chmod(0o555)
    training = ["sh", "-c", f"mkdir models; cp {KERAS} models/a.keras; exit 7"]
    code, told = modelwatch(tmp_path, "run", "--modelPath", "models", *OPTIONS, "--", *training, prefix=unprivileged)
    assert code == 7
    assert "1 delivery is left and kept" in told
    (tmp_path / "repository").chmod(0o755)
    (tmp_path / "models").rename(tmp_path / "moved")
    assert modelwatch(tmp_path, "drain", "--modelPath", "moved", *OPTIONS)[0] == 0
    assert registered(tmp_path) == ["a.keras"]


def test_drain_without_a_journal_makes_nothing(tmp_path):
    """A mistyped path is an error, not a new folder."""
    code, told = modelwatch(tmp_path, "drain", "--modelPath", "mistyped", *OPTIONS)
    assert code == 66
    assert "nothing has been watched yet" in told
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("damage", [b"hello" * 1000, None])
def test_a_journal_that_cannot_be_used_is_an_error_everywhere(tmp_path, damage):
    """Not a database, or one of a newer modelwatch: watch, drain and status say so, and touch nothing."""
    save(tmp_path / "models")
    once(tmp_path, "models")
    journal = tmp_path / "models" / ".modelwatch" / "journal.sqlite3"
    if damage is None:
        damage = bytearray(journal.read_bytes())
        damage[60:64] = (99).to_bytes(4, "big")  # user_version in the header of a database
    journal.write_bytes(damage)
    for words in (["watch", "--once", *OPTIONS], ["drain", *OPTIONS], ["status"]):
        code, told = modelwatch(tmp_path, *words, "--modelPath", "models")
        assert code == 74
        assert "journal" in told
    assert journal.read_bytes() == bytes(damage)


def test_a_second_agent_for_one_folder_is_refused(tmp_path):
    """The first goes on."""
    save(tmp_path / "models")
    with watching(tmp_path) as told:
        wait_until(lambda: "a.keras" in told.read_text())
        code, refused = once(tmp_path, "models")
        assert code == 74
        assert "another agent is watching" in refused
        save(tmp_path / "models", "b.keras")
        wait_until(lambda: "b.keras" in told.read_text())


def test_files_by_reference_that_change_later_are_told_by_verify(tmp_path):
    """Only digests were kept: a file that is gone, and one that differs, are each said with their place."""
    save(tmp_path / "models")
    assert once(tmp_path, "models", "--storage", "reference")[0] == 0
    with (tmp_path / "models" / "a.keras").open("ab") as file:
        file.write(b"more")
    done = subprocess.run(
        [*MODELWATCH, "models", "verify", "m", "--repository", "repository"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 65
    assert "changed" in done.stdout


def test_files_of_no_known_kind_are_told_with_the_remedy(tmp_path):
    """A pickle and a text are no model that is looked for, and the last line says what takes them."""
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "notes.txt").write_text("no model")
    code, told = once(tmp_path, "run")
    assert code == 0
    assert "1 file is in the model path, and no model that is recognised" in told
    assert "--modelType Custom" in told
