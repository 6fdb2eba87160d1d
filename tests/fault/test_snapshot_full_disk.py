"""Snapshots on a disk that is full."""

import os

import pytest
import small_disks

from modelwatch.core.errors import DiskFullError
from modelwatch.snapshot.store import SnapshotStore
from modelwatch.snapshot.take import Take
from modelwatch.watch.scan import Scanner

BIG = 600 * 1024


@pytest.fixture
def root(tmp_path):
    """Give a model path with one large file, on a disk that has no room for another."""
    with small_disks.tmpfs(tmp_path / "root", 1 << 20) as path:
        (path / "data").write_bytes(os.urandom(BIG))
        yield path


def test_no_room_for_a_copy_is_told_and_nothing_is_left(root):
    """A copy that does not fit raises, leaves no part of itself, and works once there is room."""
    store = SnapshotStore(root / ".modelwatch" / "snapshots")
    tree = Scanner(str(root)).full()
    pin = store.begin()
    with pytest.raises(DiskFullError, match="no room"):
        pin.take(tree.root, tree.get("data"), hardlink=False)
    assert store.size_bytes() == 0
    (root / "data").rename(root / "moved")
    os.truncate(root / "moved", BIG // 4)
    tree = Scanner(str(root)).full()
    assert pin.take(tree.root, tree.get("moved"), hardlink=False) is Take.TAKEN
    assert pin.seal(["moved"]).manifest.size == BIG // 4


def test_a_hard_link_needs_no_room(root):
    """Where the writer replaces files, a full disk does not keep us from taking them."""
    pin = SnapshotStore(root / ".modelwatch" / "snapshots").begin()
    tree = Scanner(str(root)).full()
    assert pin.take(tree.root, tree.get("data"), hardlink=True) is Take.TAKEN


def test_no_room_for_the_manifest_is_told_and_sealing_can_be_tried_again(root):
    """A seal that fails for lack of room loses nothing."""
    store = SnapshotStore(root / ".modelwatch" / "snapshots")
    tree = Scanner(str(root)).full()
    pin = store.begin()
    pin.take(tree.root, tree.get("data"), hardlink=True)
    filler = root / "filler"
    with pytest.raises(OSError, match="No space"):
        filler.write_bytes(bytes(1 << 20))
    with pytest.raises(DiskFullError):
        pin.seal(["data"])
    filler.unlink()
    assert pin.seal(["data"]) == store.open(pin.id)


def test_no_room_for_a_folder_is_told(tmp_path):
    """Beginning a snapshot on a disk without a free inode raises the same error."""
    with small_disks.mounted(tmp_path / "root", "-t", "tmpfs", "-o", "nr_inodes=3", "tmpfs") as path, pytest.raises(DiskFullError):
        SnapshotStore(path / "snapshots").begin()
