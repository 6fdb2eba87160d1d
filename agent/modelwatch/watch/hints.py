"""
Hints of where to look again. An event may be lost, late or about something else; the scan decides what is there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from modelwatch.core import log
from modelwatch.core.mounts import WatchMethod, mount_of, watch_method


@dataclass(frozen=True, slots=True)
class Hint:
    """
    Where something may have changed. False when there is nothing to look at.

    Attributes:
        directories: Relative to the model path.
        everything: Events were lost: look everywhere.
    """

    directories: frozenset[str] = frozenset()
    everything: bool = False

    def __bool__(self) -> bool:
        return self.everything or bool(self.directories)


class Hints(Protocol):
    """One source of hints about one model path."""

    def wait(self, timeout_seconds: float) -> Hint:
        """Return the hints that have come, waiting for the first at most `timeout_seconds`. One thread."""

    def wake(self) -> None:
        """End the wait that is going on, or the next one. Any thread."""

    def close(self) -> None:
        """Stop watching; a second call does nothing."""


def open_hints(root: str, *, method: WatchMethod | None, poll_seconds: float) -> Hints:
    """
    Start watching `root`.

    Args:
        root: The model path; it must exist.

        method: None to choose by the file system.

        poll_seconds: Between full scans when polling.
    """
    from modelwatch.watch.inotify_hints import InotifyHints, InotifyUnavailableError
    from modelwatch.watch.poll_hints import PollHints

    if (method or watch_method(mount_of(root))[0]) is WatchMethod.INOTIFY:
        try:
            return InotifyHints(root)
        except InotifyUnavailableError as error:
            log.warning("inotify cannot be used: polling instead", why=error)
    return PollHints(poll_seconds)
