"""Comparing what two scans saw of one candidate. Pure: no clock, no file system."""

from __future__ import annotations

import enum

from modelwatch.core.tree import FileStat


class Change(enum.Enum):
    """How a candidate's files differ from what was known of them."""

    SAME = "same"
    GREW = "grew"
    """Files came; none of the known ones differs."""

    SHRANK = "shrank"
    """Files went; none of the others differs. Rotation deletes file by file."""

    REWRITTEN = "rewritten"
    """A known file was replaced or written to: another generation of the checkpoint."""


def compare(known: tuple[FileStat, ...], seen: tuple[FileStat, ...], *, by_inode: bool = True) -> Change:
    """
    Return how `seen` differs from `known`.

    Args:
        known: The files before.

        seen: The files now.

        by_inode:
            Count a new inode as a change. Not wanted against what an earlier agent wrote down: inodes of a network mount, or of a volume
            that was moved to another machine, are not stable, while size and modification time are.
    """
    if known == seen:
        return Change.SAME
    before = {stat.path: stat for stat in known}
    common = 0
    for stat in seen:
        old = before.get(stat.path)
        if old is None:
            continue
        common += 1
        if (stat.size, stat.mtime_ns) != (old.size, old.mtime_ns) or (by_inode and stat.inode != old.inode):
            return Change.REWRITTEN
    came, went = len(seen) - common, len(known) - common
    if came and went:
        return Change.REWRITTEN
    if came:
        return Change.GREW
    return Change.SHRANK if went else Change.SAME
