"""Uploading, downloading and verifying."""

import os
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from repositories import TEAM, add_version, blob_files, new_repository

from modelwatch.core.entities import Manifest, ManifestEntry, ModelType, Storage
from modelwatch.core.errors import NotFoundError, PermanentError, StateError, TransientError, UsageError
from modelwatch.repository.downloading import StoredContent, download, refuse_unsafe, select
from modelwatch.repository.uploading import Upload, UploadFile, files_to_upload, upload
from modelwatch.repository.verifying import Condition, verify
from modelwatch.testing.sink_contract import make_registration, make_snapshot

FILES = {"saved_model.pb": b"graph", "variables/variables.index": b"index", "variables/empty": b""}


@pytest.fixture
def repository(tmp_path):
    """A new repository."""
    return new_repository(tmp_path / "repository")


@pytest.fixture
def folder(tmp_path):
    """A folder with a model."""
    make_snapshot(tmp_path / "export", FILES)
    return tmp_path / "export"


def request_of(path, model="digits"):
    """Return the upload of a path."""
    return Upload(
        TEAM,
        model,
        path.name,
        str(path.parent),
        files_to_upload(path),
        ModelType.CUSTOM,
        summary={"accuracy": 0.9},
        notes="by hand",
    )


def ignore(_count):
    """Tell nobody about progress."""


def put(repository, path):
    """Upload a path and return the version."""
    receipt = upload(repository, request_of(path), advance=ignore)
    return repository.version("digits", receipt.version, team=TEAM)


def get(repository, version, destination, *paths, force=False):
    """Download a version."""
    entries = select(version.registration.manifest, paths)
    return download(StoredContent(repository.storage, version), entries, destination, force=force, advance=ignore)


def contents(folder):
    """Return every file below a folder with its bytes."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


# ---------------------------------------------------------------------------------------------------------------- uploading


def test_an_upload_has_neither_run_nor_experiment_and_comes_back_as_it_was(repository, folder, tmp_path):
    """What was uploaded is downloaded unchanged, and its provenance says that no training made it."""
    version = put(repository, folder)
    assert (version.registration.provenance.run, version.registration.provenance.experiment) == (None, None)
    assert (version.registration.summary, version.notes) == ({"accuracy": 0.9}, "by hand")
    done = get(repository, version, tmp_path / "here")
    assert contents(tmp_path / "here") == FILES
    assert len(done.written) == 3


def test_one_file_is_uploaded_under_its_name(repository, folder):
    """A single file's version holds that file."""
    version = put(repository, folder / "saved_model.pb")
    assert [entry.path for entry in version.registration.manifest.entries] == ["saved_model.pb"]


def test_progress_tells_every_byte(repository, tmp_path):
    """What `advance` is told adds up to the size, for small files and for those copied by the kernel."""
    make_snapshot(tmp_path / "m", {"small": b"1234", "large": os.urandom(3 << 20)})
    told = []
    upload(repository, request_of(tmp_path / "m"), advance=told.append)
    assert sum(told) == 4 + (3 << 20)


def test_uploading_the_same_bytes_again_makes_another_version(repository, folder):
    """It was asked for; a deleted one does not stand in its way; the content is kept once."""
    assert [put(repository, folder).number for _ in range(2)] == [1, 2]
    repository.delete_version("digits", "2", team=TEAM)
    assert put(repository, folder).number == 3
    assert len(blob_files(repository)) == 3


def test_caches_and_version_control_are_left_out(folder):
    """Folders that are never part of a model are not uploaded, at any depth; a file of such a name is."""
    make_snapshot(
        folder, {".git/HEAD": b"x", "code/__pycache__/a.pyc": b"x", ".modelwatch/journal": b"x", ".idea/x": b"x", "code/.git": b"f"}
    )
    assert {file.path for file in files_to_upload(folder)} == {*FILES, "code/.git"}


def test_links_inside_are_content_and_links_out_are_refused(folder, tmp_path):
    """A link to a file of the folder counts as that file; one that leads out, to a folder or nowhere is refused by name."""
    (folder / "latest").symlink_to("saved_model.pb")
    assert UploadFile("latest", folder / "saved_model.pb", 5) in files_to_upload(folder)
    (tmp_path / "secret").write_text("key")
    for target in (tmp_path / "secret", "variables", "nowhere", "loop"):
        (folder / "loop").symlink_to(target)
        with pytest.raises(UsageError, match="loop"):
            files_to_upload(folder)
        (folder / "loop").unlink()


def test_what_is_no_file_is_refused(folder):
    """A FIFO is told at once and not waited for."""
    os.mkfifo(folder / "pipe")
    with pytest.raises(UsageError, match="pipe"):
        files_to_upload(folder)


def test_nothing_to_upload(tmp_path):
    """A missing path and an empty folder are told apart."""
    with pytest.raises(NotFoundError):
        files_to_upload(tmp_path / "missing")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="no files"):
        files_to_upload(tmp_path / "empty")


def test_a_file_that_changes_while_it_is_read_is_not_uploaded(repository, tmp_path):
    """Bytes of two moments never become a version."""
    path = tmp_path / "model"
    path.write_bytes(b"x" * (2 << 20))

    def write_on(_count):
        with path.open("ab") as file:
            file.write(b"y")

    with pytest.raises(TransientError, match="changed"):
        upload(repository, request_of(path), advance=write_on)
    assert repository.models() == ()


# -------------------------------------------------------------------------------------------------------------- downloading


def test_files_and_folders_can_be_chosen(repository, folder, tmp_path):
    """A folder's path stands for all below it; a path that names nothing is told."""
    version = put(repository, folder)
    get(repository, version, tmp_path / "here", "variables/", "saved_model.pb")
    assert contents(tmp_path / "here") == FILES
    get(repository, version, tmp_path / "one", "saved_model.pb")
    assert set(contents(tmp_path / "one")) == {"saved_model.pb"}
    with pytest.raises(NotFoundError, match="variable"):
        select(version.registration.manifest, ("variable",))


def test_downloading_again_goes_on_where_it_was(repository, folder, tmp_path):
    """Files that are right are kept, missing ones are written, and no temporary file is left."""
    version = put(repository, folder)
    get(repository, version, tmp_path / "here")
    (tmp_path / "here/saved_model.pb").unlink()
    done = get(repository, version, tmp_path / "here")
    assert [entry.path for entry in done.written] == ["saved_model.pb"]
    assert contents(tmp_path / "here") == FILES


def test_other_content_is_not_overwritten_unless_forced(repository, folder, tmp_path):
    """A file that differs stays as it is until `force` is given, also when it is a link."""
    version = put(repository, folder)
    (tmp_path / "here").mkdir()
    (tmp_path / "mine").write_bytes(b"mine!")
    (tmp_path / "here/saved_model.pb").symlink_to(tmp_path / "mine")
    with pytest.raises(PermanentError, match="exists and differs"):
        get(repository, version, tmp_path / "here")
    get(repository, version, tmp_path / "here", force=True)
    assert (tmp_path / "mine").read_bytes() == b"mine!"
    assert contents(tmp_path / "here") == FILES


@pytest.mark.parametrize("force", [False, True])
def test_links_in_the_destination_are_not_followed(repository, folder, tmp_path, force):
    """A folder in the destination that is a link to elsewhere is refused, so nothing is written there."""
    version = put(repository, folder)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "here").mkdir()
    (tmp_path / "here/variables").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(PermanentError, match="symbolic link"):
        get(repository, version, tmp_path / "here", force=force)
    assert list((tmp_path / "elsewhere").iterdir()) == []


@pytest.mark.parametrize("path", ["../x", "/x", "a/../../x", "a//x", "", ".", "a/.", "a\0b"])
def test_paths_that_lead_out_are_refused_everywhere(path):
    """What could leave the folder is refused on every system, and again although manifests refuse it."""
    with pytest.raises(PermanentError, match="unsafe"):
        refuse_unsafe(path, windows=False)
    with pytest.raises(ValueError, match="path"):
        ManifestEntry(path, 0, make_registration(Manifest(())).manifest.digest)


@pytest.mark.parametrize(
    "path", ["C:x", "C:/x", "c:\\x", "\\x", "a\\..\\..\\x", "a/con", "NUL.txt", "a/b:stream", "dir./x", "a /x", "x\n"]
)
def test_names_that_mean_something_else_on_windows_are_refused_there(path):
    """Drives, backslashes, devices, streams and vanishing dots are refused on Windows, and are plain names elsewhere."""
    with pytest.raises(PermanentError, match="unsafe"):
        refuse_unsafe(path, windows=True)
    if not path.startswith("/"):
        refuse_unsafe(path, windows=False)


@given(st.lists(st.text(st.characters(codec=None, exclude_characters="/\0"), min_size=1, max_size=8), min_size=1, max_size=4))
def test_a_path_that_is_allowed_stays_inside(parts):
    """Any path that is not refused resolves to something below the folder."""
    path = "/".join(parts)
    try:
        refuse_unsafe(path, windows=False)
    except PermanentError:
        assert {".", ".."} & set(parts)
    else:
        assert os.path.normpath(f"/root/{path}").startswith("/root/")


def test_damaged_content_is_never_delivered(repository, folder, tmp_path):
    """A blob with flipped bytes is told as damage, and no file appears."""
    version = put(repository, folder)
    entry = version.registration.manifest.entries[0]
    repository.storage.blob_path(entry.digest).write_bytes(b"grapH")
    with pytest.raises(StateError, match="damaged"):
        get(repository, version, tmp_path / "here", entry.path)
    assert contents(tmp_path / "here") == {}


def test_names_that_are_not_utf8_survive(repository, tmp_path):
    """A file whose name is arbitrary bytes is uploaded and downloaded under the same bytes."""
    name = b"weights-\xff\xfe".decode("utf-8", "surrogateescape")
    make_snapshot(tmp_path / "m", {name: b"1"})
    get(repository, put(repository, tmp_path / "m"), tmp_path / "here")
    assert [os.fsencode(path.name) for path in (tmp_path / "here").iterdir()] == [b"weights-\xff\xfe"]


# --------------------------------------------------------------------------------------------------------------- references


@pytest.fixture
def reference(repository, folder):
    """A version that only refers to a folder."""
    snapshot = make_snapshot(folder, FILES)
    registration = replace(make_registration(snapshot.manifest), storage=Storage.REFERENCE, source=str(folder))
    repository.register(registration, None)
    return repository.version("digits", team=TEAM)


def test_verify_tells_what_became_of_each_file(repository, folder, reference):
    """Unchanged, changed in place, gone and no longer a file are told apart."""
    (folder / "saved_model.pb").write_bytes(b"grapH")
    (folder / "variables/variables.index").unlink()
    found = {file.entry.path: file.condition for file in verify(repository.storage, reference, advance=ignore)}
    assert found == {
        "saved_model.pb": Condition.CHANGED,
        "variables/empty": Condition.UNCHANGED,
        "variables/variables.index": Condition.GONE,
    }
    (folder / "variables/variables.index").mkdir()
    found = {file.entry.path: file.condition for file in verify(repository.storage, reference, advance=ignore)}
    assert found["variables/variables.index"] is Condition.UNREADABLE


def test_verify_finds_damage_in_the_repository(repository, tmp_path):
    """Copied content is verified where it is kept."""
    add_version(repository, tmp_path)
    version = repository.version("digits", team=TEAM)
    assert [file.condition for file in verify(repository.storage, version, advance=ignore)] == [Condition.UNCHANGED]
    blob_files(repository)[0].unlink()
    assert [file.condition for file in verify(repository.storage, version, advance=ignore)] == [Condition.GONE]


def test_a_reference_is_downloaded_while_it_is_unchanged(repository, folder, reference, tmp_path):
    """Referenced files are copied from where they are; changed or gone ones are told."""
    get(repository, reference, tmp_path / "here")
    assert contents(tmp_path / "here") == FILES
    (folder / "saved_model.pb").write_bytes(b"grapH")
    with pytest.raises(PermanentError, match="changed"):
        get(repository, reference, tmp_path / "there")
    (folder / "saved_model.pb").unlink()
    with pytest.raises(NotFoundError):
        get(repository, reference, tmp_path / "there")
