"""Registering, uploading, amending, deleting, restoring and renaming, killed at every step and done again."""

import signal
import subprocess
import sys

import pytest

from modelwatch.core.digest import Digest
from modelwatch.repository.repository import Repository

_PROGRAM = """
import os, shutil, signal, sys
from dataclasses import replace
from pathlib import Path
from modelwatch.core import steps
from modelwatch.core.digest import Digest
from modelwatch.core.entities import Amendment, ModelType
from modelwatch.core.errors import NotFoundError
from modelwatch.repository.repository import Repository
from modelwatch.repository.storage.staging import StagedUpload
from modelwatch.repository.uploading import Upload, files_to_upload, upload
from modelwatch.testing.sink_contract import make_metric, make_registration, make_snapshot

work, action, kill_at = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
seen = []

def observe(name):
    seen.append(name)
    if len(seen) == kill_at:
        os.kill(os.getpid(), signal.SIGKILL)

repository = Repository.open(work / "repository", create=True)
shutil.rmtree(work / "snapshot", ignore_errors=True)  # blobs may be links to its files: they are never written to again
snapshot = make_snapshot(work / "snapshot", {"a": b"1", "b/c": b"22"})
snapshot = replace(snapshot, linked=frozenset({"a"}))
registration = make_registration(snapshot.manifest)
if action in {"amend", "delete", "restore", "rename"}:
    repository.register(registration, snapshot)
if action == "restore" and not (work / "deleted").exists():
    repository.register(replace(registration, root="another"), snapshot)
    repository.tag("digits", ("ours",), team="default")
    repository.delete_model("digits", team="default", keep_seconds=1000)
    (work / "deleted").touch()
steps.observer = observe
if action == "register":
    repository.register(registration, snapshot)
elif action == "upload":
    files = files_to_upload(work / "snapshot")
    upload(repository, Upload("default", "digits", "snapshot", str(work / "snapshot"), files, ModelType.CUSTOM), advance=lambda count: None)
elif action == "amend":
    repository.amend(Amendment("default", "digits", registration.key, (make_metric("loss", 0.25),)))
elif action == "delete":
    try:
        repository.delete_model("digits", team="default")
    except NotFoundError:
        pass
    repository.collect_garbage()
elif action == "restore":
    repository.restore_model("digits", team="default")
elif action == "stage":
    for path, content in (("a", b"1"), ("b/c", b"22")):
        digest = Digest.of_bytes(content)
        if repository.storage.has_blob(digest, len(content)):
            continue
        known = work / f"upload-{digest.hex}"  # what a client remembers of an upload that it has begun
        try:
            upload = StagedUpload.resume(repository.storage, known.read_text())
        except (FileNotFoundError, NotFoundError):
            upload = StagedUpload.create(repository.storage, digest, len(content))
            known.write_text(upload.identifier)
        while upload.offset < upload.size:
            upload.append(upload.offset, content[upload.offset : upload.offset + 1])
            upload.sync()
        upload.finish()
    repository.register_stored(registration)
elif action == "rename":
    repository.rename("digits", "numbers", team="default")
print(len(seen))
"""


def _run(work, action, kill_at=0):
    return subprocess.run([sys.executable, "-c", _PROGRAM, work, action, str(kill_at)], check=False, capture_output=True, text=True)


def _steps(tmp_path, action):
    """Return how many steps an undisturbed run passes."""
    done = _run(tmp_path / "undisturbed", action)
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


def _kill_everywhere(tmp_path, action, *, at_least):
    """Give, for every step, a folder in which the action was killed there."""
    count = _steps(tmp_path, action)
    assert count >= at_least
    for step in range(1, count + 1):
        work = tmp_path / str(step)
        assert _run(work, action, step).returncode == -signal.SIGKILL
        yield work, step == count


def _versions(work):
    return [version for model in Repository.open(work / "repository").models() for version in model.versions]


@pytest.mark.parametrize("action", ["register", "upload"])
def test_registering_killed_anywhere_and_repeated_makes_one_whole_version(tmp_path, action):
    """Before the last step nothing is visible; repeated, there is exactly one version, with all of its content."""
    for work, last in _kill_everywhere(tmp_path, action, at_least=5):
        assert len(_versions(work)) == last
        if action == "upload" and last:
            continue  # the version is visible: repeating the upload is another one, as documented
        assert _run(work, action).returncode == 0
        (version,) = _versions(work)
        repository = Repository.open(work / "repository")
        assert version.number == 1
        assert all(repository.storage.has_blob(entry.digest, entry.size) for entry in version.registration.manifest.entries)
        assert repository.problems() == ()


def test_registering_killed_anywhere_with_a_collection_between_makes_one_whole_version(tmp_path):
    """Collecting garbage between the kill and the retry takes nothing that the version needs."""
    for work, _ in _kill_everywhere(tmp_path, "register", at_least=5):
        Repository.open(work / "repository").collect_garbage()
        assert _run(work, "register").returncode == 0
        (version,) = _versions(work)
        storage = Repository.open(work / "repository").storage
        assert all(storage.has_blob(entry.digest, entry.size) for entry in version.registration.manifest.entries)
        assert list((work / "repository" / "staging").iterdir()) == []


def test_content_in_pieces_killed_anywhere_and_gone_on_with_makes_one_whole_version(tmp_path):
    """An upload goes on where it was, after a collection too, and what is registered of it is whole; nothing is left in staging."""
    for work, last in _kill_everywhere(tmp_path, "stage", at_least=8):
        assert len(_versions(work)) == last
        staging = work / "repository" / "staging"
        begun = [(path.name, path.read_bytes()) for path in staging.iterdir()]
        Repository.open(work / "repository").collect_garbage()
        assert [(path.name, path.read_bytes()) for path in staging.iterdir()] == begun
        assert _run(work, "stage").returncode == 0
        (version,) = _versions(work)
        storage = Repository.open(work / "repository").storage
        for entry in version.registration.manifest.entries:
            assert Digest.of_bytes(storage.blob_path(entry.digest).read_bytes()) == entry.digest
        assert list(staging.iterdir()) == []


def test_amending_killed_anywhere_and_repeated_amends_once(tmp_path):
    """The metrics are the amended ones, and one event says so."""
    for work, _ in _kill_everywhere(tmp_path, "amend", at_least=1):
        assert _run(work, "amend").returncode == 0
        (version,) = _versions(work)
        assert [metric.value for metric in version.registration.metrics] == [0.25]
        assert len(list((work / "repository/models/default/digits/events").iterdir())) == 1


def test_deleting_killed_anywhere_and_repeated_deletes(tmp_path):
    """The model and its content are gone, whichever step the first attempt reached."""
    for work, _ in _kill_everywhere(tmp_path, "delete", at_least=3):
        assert _run(work, "delete").returncode == 0
        assert _versions(work) == []
        assert [path for path in (work / "repository" / "blobs").rglob("*") if path.is_file()] == []


def test_restoring_killed_anywhere_and_repeated_restores(tmp_path):
    """Nothing of the model shows before the last step; repeated, all of it is back, and a collection between takes nothing of it."""
    for work, last in _kill_everywhere(tmp_path, "restore", at_least=5):
        assert len(_versions(work)) == (2 if last else 0)
        Repository.open(work / "repository").collect_garbage()
        assert _run(work, "restore").returncode == 0
        repository = Repository.open(work / "repository")
        (model,) = repository.models()
        assert [version.number for version in model.versions] == [1, 2]
        assert model.tags == ("ours",)
        assert repository.collect_garbage().blobs == 0
        storage = repository.storage
        assert all(storage.has_blob(entry.digest, entry.size) for entry in model.versions[0].registration.manifest.entries)


def test_renaming_killed_anywhere_and_repeated_renames(tmp_path):
    """At any moment the new name leads to this model or to none; repeated, the model is called by it, and what is registered under it is the model's."""
    for work, last in _kill_everywhere(tmp_path, "rename", at_least=2):
        repository = Repository.open(work / "repository")
        (model,) = repository.models()
        assert model.name == ("numbers" if last else "digits")
        assert repository.model("numbers", team="default") == model
        assert _run(work, "rename").returncode == 0
        (renamed,) = repository.models()
        assert (renamed.id, renamed.name, renamed.versions) == (model.id, "numbers", model.versions)
        assert len(list((work / "repository/models/default/digits/events").iterdir())) == 1
        assert repository.problems() == ()
