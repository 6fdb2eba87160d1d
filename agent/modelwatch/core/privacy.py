"""Who may read a copy: nobody who may not read what it is a copy of (docs/adr/0016-who-may-read-a-copy.md)."""

from __future__ import annotations

import os
import stat


def granted(source: os.stat_result, group: int) -> int:
    """
    Return the permissions that a file grants to those who meet a copy of it.

    The copy's owner may do anything. Members of a group that is not the source's are, to the source, among the others.

    Args:
        source: What is copied.

        group: The group of the copy.
    """
    others = source.st_mode & 0o007
    return 0o700 | (source.st_mode & 0o070 if group == source.st_gid else others << 3) | others


def shared_group(folder: os.stat_result) -> int | None:
    """Return the group that a folder is shared with: of one with the set-group-ID bit, which everything made in it belongs to; else None."""
    return folder.st_gid if folder.st_mode & stat.S_ISGID else None
