"""Opening the source of hints that fits a model path: inotify where it tells everything, else looking again every so often."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from modelwatch.core import log
from modelwatch.core.mounts import WatchMethod, mount_of, watch_method
from modelwatch.watch.hint import Hint, Hints
from modelwatch.watch.inotify_hints import InotifyHints, InotifyUnavailableError
from modelwatch.watch.poll_hints import PollHints

__all__ = ["Hint", "Hints", "open_hints"]


def open_hints(root: str, *, method: WatchMethod | None = None, poll_seconds: float, ignore: Sequence[str] = ()) -> Hints:
    """
    Start watching a model path.

    Where inotify's limits are used up, now or later, polling takes its place; that is said once.

    Args:
        root: The model path.

        method: None to choose by its file system.

        poll_seconds: Between full scans when polling.

        ignore: Globs of what is not looked at, as for `Scanner`.

    Raises:
        ModelPathError: The model path is missing, not a folder or not readable.
    """
    if (method or watch_method(mount_of(root))[0]) is WatchMethod.POLL:
        return PollHints(poll_seconds)
    try:
        return _UntilUnavailable(InotifyHints(root, ignore=ignore), lambda: PollHints(poll_seconds))
    except InotifyUnavailableError as error:
        _say(error)
        return PollHints(poll_seconds)


def _say(error: InotifyUnavailableError) -> None:
    log.warning("inotify cannot be used; looking again every so often instead", why=error, hint=error.hint)


class _UntilUnavailable:
    """Hints from inotify as long as its limits allow, then from elsewhere."""

    def __init__(self, hints: InotifyHints, instead: Callable[[], Hints]) -> None:
        self._hints: Hints = hints
        self._instead = instead

    def wait(self, timeout_seconds: float) -> Hint:
        try:
            return self._hints.wait(timeout_seconds)
        except InotifyUnavailableError as error:
            _say(error)
            old, self._hints = self._hints, self._instead()
            old.close()
            return Hint(everything=True)  # a `wake` that still went to the old ones is answered by this return

    def wake(self) -> None:
        self._hints.wake()

    def close(self) -> None:
        self._hints.close()
