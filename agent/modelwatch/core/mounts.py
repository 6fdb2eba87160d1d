"""Which file system a path is on, and what may be expected of it."""

from __future__ import annotations

import enum
import os
import re
from dataclasses import dataclass
from pathlib import Path

_MOUNTINFO = Path("/proc/self/mountinfo")
_ESCAPE = re.compile(r"\\([0-7]{3})")
_LOCAL = frozenset({"ext2", "ext3", "ext4", "xfs", "btrfs", "overlay", "tmpfs", "f2fs", "zfs", "bcachefs", "ramfs"})


@dataclass(frozen=True, slots=True)
class Mount:
    """
    One line of mountinfo.

    Attributes:
        target: Where it is mounted.
        fstype: ``ext4``, ``nfs4``, ``fuse.gcsfuse``, …; ``unknown`` where the system does not tell.
        source: The device or server.
    """

    target: str
    fstype: str
    source: str


class WatchMethod(enum.Enum):
    """How changes are noticed."""

    INOTIFY = "inotify"
    POLL = "poll"


def _unescape(text: str) -> str:
    return _ESCAPE.sub(lambda match: chr(int(match[1], 8)), text)


def mount_of(path: Path | str) -> Mount:
    """Return the mount that holds `path`, which need not exist."""
    wanted = os.path.realpath(path)
    best = Mount("/", "unknown", "")
    try:
        lines = _MOUNTINFO.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return best
    for line in lines:
        before, _, after = line.partition(" - ")
        target = _unescape(before.split(" ")[4])
        fstype, source = after.split(" ")[:2]
        inside = target == "/" or wanted == target or wanted.startswith(f"{target}/")
        if inside and len(target) >= len(best.target):
            best = Mount(target, fstype, _unescape(source))
    return best


def is_local(mount: Mount) -> bool:
    """Return whether the file system is on this machine, so that SQLite's shared memory and inotify work."""
    return mount.fstype in _LOCAL


def is_container_layer(mount: Mount) -> bool:
    """Return whether the path goes away with its container."""
    return mount.fstype == "overlay"


def watch_method(mount: Mount) -> tuple[WatchMethod, str]:
    """Return how to notice changes on `mount`, and why."""
    if is_local(mount):
        return WatchMethod.INOTIFY, f"{mount.fstype} tells of every change"
    return WatchMethod.POLL, f"{mount.fstype} may not tell of changes that others make"
