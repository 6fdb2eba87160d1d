"""When the training last wrote anything, as far as its folders show."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence

from modelwatch.core.clock import Clock
from modelwatch.watch.scan import ModelPathError, Scanner

_LOOKS = 20
_SHORTEST_SECONDS, _LONGEST_SECONDS = 0.2, 300.0


class Activity:
    """
    Compares what is in some folders with what was there before.

    Args:
        roots: The folders: the model path, and those with event files. Those that are missing are waited for.

        clock: For durations.

        within_seconds: The quiet time that somebody waits for; folders are walked a twentieth of it apart, at least every 5 minutes.

        ours: Absolute paths of files that we write ourselves.
    """

    def __init__(self, roots: Sequence[str], clock: Clock, *, within_seconds: float, ours: Collection[str] = ()) -> None:
        outer = sorted({os.path.realpath(root) for root in roots})
        self._scanners = [
            Scanner(root) for index, root in enumerate(outer) if not any(_is_below(root, above) for above in outer[:index])
        ]
        self._ours = frozenset(os.path.realpath(path) for path in ours)
        self._clock = clock
        self._pause_seconds = min(_LONGEST_SECONDS, max(_SHORTEST_SECONDS, within_seconds / _LOOKS))
        self._looked = self._changed = clock.monotonic()
        self._seen: int | None = None

    def quiet_seconds(self) -> float:
        """Return how long nothing has changed: since the first call at most. Walks the folders when it is time to."""
        now = self._clock.monotonic()
        if self._seen is None or now - self._looked >= self._pause_seconds:
            seen = hash(tuple(map(self._look, self._scanners)))
            self._looked = now
            if seen != self._seen:
                self._seen, self._changed = seen, now
        return now - self._changed

    def _look(self, scanner: Scanner) -> int | None:
        """Return a number that changes when anything in a folder does; None when it cannot be walked."""
        try:
            tree = scanner.full()
        except ModelPathError:
            return None
        return hash(frozenset(stat for stat in tree.files_below("") if os.path.join(tree.root, stat.path) not in self._ours))  # noqa: PTH118 - text that may hold surrogates


def _is_below(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")
