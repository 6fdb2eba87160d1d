"""Which file system a path is on, and what may be expected of it."""

from __future__ import annotations

import enum
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

_MOUNTINFO = Path("/proc/self/mountinfo")
_ESCAPE = re.compile(r"\\([0-7]{3})")
_LOCAL = frozenset(
    {"bcachefs", "btrfs", "exfat", "ext2", "ext3", "ext4", "f2fs", "overlay", "ramfs", "rootfs", "tmpfs", "vfat", "xfs", "zfs"}
)


class WatchMethod(enum.Enum):
    """How changes are noticed."""

    INOTIFY = "inotify"
    POLL = "poll"


@dataclass(frozen=True, slots=True)
class Mount:
    """
    One mounted file system.

    Source: proc(5), ``/proc/pid/mountinfo``.

    Attributes:
        target: Where it is mounted.
        fstype: ``ext4``, ``nfs4``, ``fuse.gcsfuse``, …; ``unknown`` where the system does not tell.
        source: The device or server; may be anything that whoever mounted it wrote there.
        identifier: The kernel's number for it, unique among the mounts that are there now.
        parent: The number of the mount that it is mounted on.
    """

    target: str
    fstype: str
    source: str = ""
    identifier: int = 0
    parent: int = 0


UNKNOWN = Mount("/", "unknown")
"""Where the system does not tell what is mounted."""


def parse_mountinfo(text: str) -> Iterator[Mount]:
    """Give every mount of a mountinfo text, in its order. Lines that do not look like one are passed over."""
    for line in text.splitlines():
        before, separator, after = line.partition(" - ")
        fields, kind = before.split(" "), after.split(" ")
        if separator and len(fields) >= 6 and len(kind) >= 2 and fields[0].isdigit() and fields[1].isdigit():
            yield Mount(_unescape(fields[4]), kind[0], _unescape(kind[1]), int(fields[0]), int(fields[1]))


def _unescape(text: str) -> str:
    """Undo what the kernel does to spaces, tabs, newlines and backslashes."""
    return _ESCAPE.sub(lambda match: chr(int(match[1], 8)), text)


def find_mount(path: str, mounts: Iterable[Mount]) -> Mount:
    """
    Return the mount that an absolute path without symbolic links is on.

    The way is followed down as the kernel does: of the mounts on the one we are on, the first that the path meets. A mount that another was
    mounted over later is thereby not met, however well its target fits.
    """
    fitting = [mount for mount in mounts if mount.target in {"/", path} or path.startswith(f"{mount.target}/")]
    numbers = {mount.identifier for mount in fitting}
    met = [mount for mount in fitting if mount.parent not in numbers or mount.parent == mount.identifier]
    found = UNKNOWN
    while met:
        found = min(met, key=lambda mount: len(mount.target))
        met = [mount for mount in fitting if mount.parent == found.identifier and mount is not found]
    return found


def mount_of(path: Path | str) -> Mount:
    """Return the mount that `path`, which need not exist, is or would be on; `UNKNOWN` where the system does not tell."""
    try:
        text = _MOUNTINFO.read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return UNKNOWN
    return find_mount(os.path.realpath(path), parse_mountinfo(text))


def is_local(mount: Mount) -> bool:
    """Return whether only this machine writes to the file system, so that inotify and SQLite's shared memory can be relied on."""
    return mount.fstype in _LOCAL


def is_container_layer(mount: Mount) -> bool:
    """Return whether what is written here goes away with its container."""
    return mount.fstype == "overlay"


def watch_method(mount: Mount) -> tuple[WatchMethod, str]:
    """Return how to notice changes on `mount`, and why."""
    if is_local(mount):
        return WatchMethod.INOTIFY, f"{mount.fstype} tells of every change"
    if mount.fstype == UNKNOWN.fstype:
        return WatchMethod.POLL, "the system does not tell which file system this is"
    return WatchMethod.POLL, f"{mount.fstype} does not tell of changes that other machines make"
