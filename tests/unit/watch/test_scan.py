"""Walking a model path."""

import os
import stat
import tempfile
from pathlib import Path

import pytest

from modelwatch.core.tree import Skipped
from modelwatch.watch.scan import (
    ModelPathMissingError,
    ModelPathNotADirectoryError,
    ModelPathUnreadableError,
    Scanner,
    ignoring,
)

NOBODY = 65534


@pytest.fixture
def as_nobody():
    """Give a folder of somebody without rights, and be that somebody."""
    if os.geteuid() != 0:
        pytest.skip("only root can become somebody without rights")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        os.chown(folder, NOBODY, NOBODY)
        os.seteuid(NOBODY)
        try:
            yield folder
        finally:
            os.seteuid(0)


def test_a_walk_sees_every_regular_file(tmp_path):
    """Files at every depth are there with size, time and inode, and empty folders too."""
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "model.ckpt").write_bytes(b"12345")
    (tmp_path / "empty").mkdir()
    tree = Scanner(str(tmp_path)).full()
    real = (tmp_path / "a" / "b" / "model.ckpt").stat()
    seen = tree.get("a/b/model.ckpt")
    assert (seen.size, seen.mtime_ns, seen.inode) == (5, real.st_mtime_ns, real.st_ino)
    assert set(tree.directories) == {"", "a", "a/b", "empty"}
    assert tree.directories["a"].mtime_ns == (tmp_path / "a").stat().st_mtime_ns
    assert tree.skipped == ()


def test_our_own_folder_is_not_looked_at_but_only_at_the_top(tmp_path):
    """The state folder is ours; a folder of that name further down is somebody else's."""
    for folder in (".modelwatch", "run/.modelwatch"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "file").touch()
    assert [file.path for file in Scanner(str(tmp_path)).full().files_below("")] == ["run/.modelwatch/file"]


def test_what_is_no_file_and_no_folder_is_told_with_the_reason(tmp_path):
    """Symbolic links, in and out of the tree and in circles, FIFOs, sockets and devices are not touched."""
    (tmp_path / "outside").symlink_to("/")
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "folder").symlink_to(tmp_path)
    os.mkfifo(tmp_path / "fifo")
    os.mknod(tmp_path / "socket", 0o600 | stat.S_IFSOCK)
    tree = Scanner(str(tmp_path)).full()
    link = "symbolic link, not followed"
    assert tree.skipped == (
        Skipped("fifo", "FIFO"),
        Skipped("folder", link),
        Skipped("loop", link),
        Skipped("outside", link),
        Skipped("socket", "socket"),
    )
    assert tree.file_count() == 0


def test_a_device_is_told(tmp_path):
    """A device node is skipped and named."""
    try:
        os.mknod(tmp_path / "null", 0o600 | stat.S_IFCHR, os.makedev(1, 3))
    except PermissionError:
        pytest.skip("only root can make devices")
    assert Scanner(str(tmp_path)).full().skipped == (Skipped("null", "device"),)


def test_names_that_are_not_utf8_are_held(tmp_path):
    """A name of any bytes comes back as it was."""
    name = b"mod\xe8le-\xff"
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name)).touch()
    (file,) = Scanner(str(tmp_path)).full().files_below("")
    assert os.fsencode(file.path) == name


def test_the_model_path_itself_may_be_a_link(tmp_path):
    """A link at the top is followed, anew for each full walk."""
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / name).touch()
    link = tmp_path / "link"
    link.symlink_to("one")
    scanner = Scanner(str(link))
    assert [file.path for file in scanner.full().files_below("")] == ["one"]
    link.unlink()
    link.symlink_to("two")
    assert scanner.full().root == str(tmp_path / "two")


@pytest.mark.parametrize("act", ["full", "refresh"])
def test_a_model_path_that_is_gone_or_a_file_is_an_error_of_its_own(tmp_path, act):
    """Missing and not a folder are told apart, also when they come about while it is watched."""
    root = tmp_path / "root"
    root.mkdir()
    scanner = Scanner(str(root))
    tree = scanner.full()
    root.rmdir()
    walk = scanner.full if act == "full" else lambda: scanner.refresh(tree, {""})
    with pytest.raises(ModelPathMissingError):
        walk()
    root.touch()
    with pytest.raises(ModelPathNotADirectoryError):
        walk()


def test_what_may_not_be_read_is_told(as_nobody):
    """A folder without permission is skipped with the reason, and looked at when it may be; the model path itself is an error."""
    (as_nobody / "locked").mkdir()
    (as_nobody / "locked" / "file").touch()
    scanner = Scanner(str(as_nobody))
    tree = scanner.full()
    (as_nobody / "locked").chmod(0)
    tree = scanner.refresh(tree, {"locked"})
    assert (tree.file_count(), tree.skipped) == (0, (Skipped("locked", "permission denied"),))
    assert tree == scanner.full()
    (as_nobody / "locked").chmod(0o700)
    assert scanner.refresh(tree, {"locked"}) == scanner.full()
    assert scanner.full().file_count() == 1
    as_nobody.chmod(0)
    with pytest.raises(ModelPathUnreadableError):
        scanner.full()


def test_a_folder_that_may_be_listed_but_not_entered_is_told_file_by_file(as_nobody):
    """Without the right to enter a folder its names are known and nothing else."""
    (as_nobody / "half").mkdir()
    (as_nobody / "half" / "file").touch()
    (as_nobody / "half").chmod(0o400)
    assert Scanner(str(as_nobody)).full().skipped == (Skipped("half/file", "permission denied"),)
    (as_nobody / "half").chmod(0o700)


def test_unchanged_listings_are_the_same_objects(tmp_path):
    """A refresh makes new objects only for what is new, and none at all for nothing."""
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").touch()
    scanner = Scanner(str(tmp_path))
    tree = scanner.full()
    assert scanner.refresh(tree, {"", "a", "b"}) is tree
    (tmp_path / "a" / "new").touch()
    after = scanner.refresh(tree, {"a", "b"})
    assert after.directories["b"] is tree.directories["b"]
    assert after.directories["a"] is not tree.directories["a"]
    assert "new" not in tree.files_in("a")


def test_only_the_named_folders_are_listed_again(tmp_path):
    """What nobody named stays as it was seen."""
    (tmp_path / "a").mkdir()
    scanner = Scanner(str(tmp_path))
    tree = scanner.full()
    (tmp_path / "a" / "file").touch()
    assert scanner.refresh(tree, {""}) is tree
    assert scanner.refresh(tree, set()) is tree


def test_an_unknown_folder_stands_for_the_nearest_known_one(tmp_path):
    """A hint about a folder that the tree does not have yet finds it from above."""
    scanner = Scanner(str(tmp_path))
    tree = scanner.full()
    (tmp_path / "a" / "b" / "c").mkdir(parents=True)
    assert set(scanner.refresh(tree, {"a/b/c"}).directories) == {"", "a", "a/b", "a/b/c"}


def test_a_folder_that_went_takes_all_below_it_along(tmp_path):
    """A vanished folder and what had been skipped in it are not in the tree any more."""
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "link").symlink_to("x")
    scanner = Scanner(str(tmp_path))
    tree = scanner.full()
    (tmp_path / "a").rename(tmp_path.parent / "elsewhere")
    after = scanner.refresh(tree, {"a"})
    assert (set(after.directories), after.skipped) == ({""}, ())


def test_a_link_that_comes_in_the_same_tick_is_seen(tmp_path):
    """What is skipped is compared itself, for a folder's time may not have moved on."""
    scanner = Scanner(str(tmp_path))
    tree = scanner.full()
    (tmp_path / "link").symlink_to("x")
    before = tree.directories[""].mtime_ns
    os.utime(tmp_path, ns=(before, before))
    after = scanner.refresh(tree, {""})
    assert [entry.path for entry in after.skipped] == ["link"]


def test_a_folder_replaced_by_a_link_out_of_the_tree_is_not_followed(tmp_path):
    """A part of the way that has become a symbolic link leads nowhere."""
    outside = tmp_path / "outside"
    (outside / "b").mkdir(parents=True)
    (outside / "b" / "secret").touch()
    root = tmp_path / "root"
    (root / "a" / "b").mkdir(parents=True)
    scanner = Scanner(str(root))
    tree = scanner.full()
    (root / "a").rename(tmp_path / "moved")
    (root / "a").symlink_to(outside)
    assert scanner.refresh(tree, {"a/b"}).file_count() == 0
    assert scanner.refresh(tree, {"", "a/b"}) == scanner.full()


def test_a_very_deep_tree_is_walked(tmp_path):
    """Neither Python's stack nor the longest path of the system limits the depth."""
    descriptor = os.open(tmp_path, os.O_RDONLY)
    for _ in range(300):
        os.mkdir("directory-of-twenty-x", dir_fd=descriptor)
        inner = os.open("directory-of-twenty-x", os.O_RDONLY, dir_fd=descriptor)
        os.close(descriptor)
        descriptor = inner
    os.close(os.open("file", os.O_CREAT | os.O_WRONLY, dir_fd=descriptor))
    os.close(descriptor)
    tree = Scanner(str(tmp_path)).full()
    assert (len(tree.directories), tree.file_count()) == (301, 1)


@pytest.mark.parametrize(
    ("globs", "left"),
    [
        ((), ["a/data.txt", "a/model.h5", "b/model.h5"]),
        (("*.txt",), ["a/model.h5", "b/model.h5"]),
        (("a",), ["b/model.h5"]),
        (("b/*", "*.txt"), ["a/model.h5"]),
        (("*/model.h5",), ["a/data.txt"]),
    ],
)
def test_globs_say_what_is_not_looked_at(tmp_path, globs, left):
    """A glob is held against names and against whole paths; a folder that it fits goes with all below it."""
    for path in ("a/data.txt", "a/model.h5", "b/model.h5"):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).touch()
    assert sorted(file.path for file in Scanner(str(tmp_path), ignore=globs).full().files_below("")) == left


def test_no_globs_cost_nothing():
    """Without globs there is nothing to ask for each entry."""
    assert ignoring(()) is None
