"""Which file system a path is on."""

import pytest

from modelwatch.core import mounts
from modelwatch.core.mounts import (
    UNKNOWN,
    Mount,
    WatchMethod,
    find_mount,
    is_container_layer,
    is_local,
    mount_of,
    parse_mountinfo,
    watch_method,
)

CONTAINER = r"""
652 540 0:63 / / rw,relatime master:239 - overlay overlay rw,lowerdir=/var/lib/docker/l,upperdir=/u,workdir=/w
653 652 0:66 / /proc rw,nosuid - proc proc rw
654 652 0:67 / /dev rw - tmpfs tmpfs rw,size=65536k
655 652 8:1 /volumes/a /artifacts rw,relatime - ext4 /dev/sda1 rw
656 652 0:70 / /storage rw,relatime shared:5 - nfs4 10.0.0.1:/team\040share rw,vers=4.1
657 656 0:71 / /storage/my\040bucket rw - fuse.gcsfuse bucket rw,user_id=0
658 652 0:72 / /mnt/back\134slash rw - 9p C:\134 rw
659 652 0:73 / /a/b rw - tmpfs hidden rw
660 652 0:74 / /a rw - xfs /dev/over rw
661 655 0:75 / /artifacts rw - btrfs /dev/top rw
this line is from a newer kernel
"""


@pytest.mark.parametrize(
    ("path", "fstype"),
    [
        ("/", "overlay"),
        ("/home", "overlay"),
        ("/artifacts", "btrfs"),
        ("/artifacts/run", "btrfs"),
        ("/artifacts2", "overlay"),
        ("/storage/models", "nfs4"),
        ("/storage/my bucket/run", "fuse.gcsfuse"),
        ("/storage/my", "nfs4"),
        ("/mnt/back\\slash", "9p"),
        ("/a/b/c", "xfs"),
    ],
)
def test_the_mount_is_the_one_that_the_way_meets(path, fstype):
    """Deeper mounts win, names that only begin alike do not, and a mount that another was put over is hidden."""
    assert find_mount(path, parse_mountinfo(CONTAINER)).fstype == fstype


def test_a_line_is_read_with_its_escapes():
    """Spaces in the target and the source come back."""
    found = next(mount for mount in parse_mountinfo(CONTAINER) if mount.fstype == "nfs4")
    assert found == Mount("/storage", "nfs4", "10.0.0.1:/team share", 656, 652)


def test_without_mounts_nothing_is_known():
    """An empty list gives the unknown mount."""
    assert find_mount("/a", []) == UNKNOWN


def test_a_system_that_does_not_tell_is_polled(monkeypatch, tmp_path):
    """Without mountinfo, nothing can be relied on."""
    monkeypatch.setattr(mounts, "_MOUNTINFO", tmp_path / "missing")
    mount = mount_of(tmp_path)
    assert mount == UNKNOWN
    assert not is_local(mount)
    assert watch_method(mount)[0] is WatchMethod.POLL


def test_this_machine_is_read(tmp_path):
    """The real file is understood, for a path that does not exist yet as for its parent."""
    assert mount_of(tmp_path / "not" / "yet") == mount_of(tmp_path) != UNKNOWN
    assert mount_of("/proc/self").fstype == "proc"


@pytest.mark.parametrize("fstype", ["ext4", "xfs", "btrfs", "overlay", "tmpfs"])
def test_a_disk_of_this_machine_tells_of_changes(fstype):
    """Local file systems are watched by inotify."""
    method, reason = watch_method(Mount("/", fstype))
    assert method is WatchMethod.INOTIFY
    assert fstype in reason


@pytest.mark.parametrize(
    "fstype", ["nfs", "nfs4", "cifs", "smb3", "fuse.gcsfuse", "fuse", "9p", "virtiofs", "ceph", "unknown", "new"]
)
def test_what_others_may_write_to_is_polled(fstype):
    """Network, FUSE and unknown file systems are polled, and not trusted with shared memory."""
    mount = Mount("/", fstype)
    assert watch_method(mount)[0] is WatchMethod.POLL
    assert not is_local(mount)


def test_a_containers_own_layer_is_known():
    """What goes away with the container is told."""
    assert is_container_layer(Mount("/", "overlay"))
    assert not is_container_layer(Mount("/artifacts", "ext4"))
