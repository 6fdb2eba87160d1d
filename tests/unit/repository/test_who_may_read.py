"""Who may read what is copied into a repository, from the trainer's file to the blob."""

import os
import stat

import pytest
from repositories import blob_files, new_repository
from samples import stat as unseen

from modelwatch.snapshot.store import SnapshotStore
from modelwatch.snapshot.take import SMALL_BYTES, Take
from modelwatch.testing.sink_contract import make_registration
from modelwatch.watch.scan import Scanner

AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files to groups that it is not in")
TEAM = 54_321
OTHERS = 54_322


@pytest.fixture(autouse=True)
def umask():
    """Have the umask that is usual."""
    before = os.umask(0o022)
    yield
    os.umask(before)


@pytest.fixture
def repository(tmp_path):
    """A new repository, which nobody has been given."""
    return new_repository(tmp_path / "repository")


def register(repository, folder, mode, *, hardlink=False, step=10, group=-1):
    """Register a file that its trainer gave a mode; return the modes of its copy in the state folder and of the blob."""
    models = folder / f"models-{step}"
    models.mkdir()
    source = models / "weights"
    source.write_bytes(b"w" * SMALL_BYTES * 2)
    os.chown(source, -1, group)
    source.chmod(mode)
    tree = Scanner(str(models)).full()
    pin = SnapshotStore(folder / "snapshots").begin()
    assert pin.take(tree.root, tree.get("weights") or unseen("weights"), hardlink=hardlink) is Take.TAKEN
    snapshot = pin.seal(["weights"])
    copy = stat.S_IMODE((pin.folder / "weights").stat().st_mode)
    repository.register(make_registration(snapshot.manifest, step=step), snapshot)
    [blob] = blob_files(repository)
    return copy, stat.S_IMODE(blob.stat().st_mode)


@pytest.mark.parametrize("hardlink", [False, True], ids=["copied", "linked"])
@pytest.mark.parametrize(("mode", "expected"), [(0o600, 0o400), (0o640, 0o440), (0o644, 0o444), (0o664, 0o444), (0o604, 0o404)])
def test_a_copy_is_as_private_as_its_source(repository, tmp_path, mode, expected, hardlink):
    """Nobody may read the blob who may not read the trainer's file, and nobody may write it; a hard link's mode is the trainer's."""
    copy, blob = register(repository, tmp_path, mode, hardlink=hardlink)
    assert (copy, blob) == (mode if hardlink else expected, expected)


@pytest.mark.parametrize("hardlink", [False, True], ids=["copied", "linked"])
def test_the_umask_may_make_it_more_private(repository, tmp_path, hardlink):
    """What this user's new files are not to be, the copy of an open file is not either."""
    os.umask(0o077)
    assert register(repository, tmp_path, 0o644, hardlink=hardlink)[1] == 0o400


@pytest.mark.parametrize("hardlink", [False, True], ids=["copied", "linked"])
def test_the_group_of_a_shared_repository_may_read_all_of_it(repository, tmp_path, hardlink):
    """A folder with the set-group-ID bit is its group's: what is registered there, is registered for that group."""
    repository.root.chmod(0o2770)
    assert register(repository, tmp_path, 0o600, hardlink=hardlink)[1] == 0o440
    assert {blob.stat().st_gid for blob in blob_files(repository)} == {repository.root.stat().st_gid}


@AS_ROOT
@pytest.mark.parametrize("hardlink", [False, True], ids=["copied", "linked"])
def test_the_group_is_the_repositorys_own(repository, tmp_path, hardlink):
    """Not that of the user who registers, nor that of the trainer's file."""
    os.chown(repository.root, -1, TEAM)
    repository.root.chmod(0o2770)
    assert register(repository, tmp_path, 0o640, hardlink=hardlink, group=OTHERS)[1] == 0o440
    assert {blob.stat().st_gid for blob in blob_files(repository)} == {TEAM}


@AS_ROOT
@pytest.mark.parametrize("hardlink", [False, True], ids=["copied", "linked"])
def test_another_group_gets_what_others_get(repository, tmp_path, hardlink):
    """What the source lets its own group read, it does not let ours."""
    assert register(repository, tmp_path, 0o640, hardlink=hardlink, group=OTHERS)[1] == 0o400


def test_content_that_somebody_may_read_anyway_is_opened(repository, tmp_path):
    """The same bytes of a private and of an open file are one blob, which whoever may read the open one may read; it is never closed again."""
    modes = [register(repository, tmp_path, mode, step=step)[1] for step, mode in enumerate((0o600, 0o644, 0o600))]
    assert modes == [0o400, 0o444, 0o444]
