"""
All event files below one or several log directories.

A run is a directory that holds event files; its name is its path below the log directory, ``.`` for the log directory itself, as in
TensorBoard. Symbolic links to directories are not followed (they can lead in circles, or to a data set of millions of files); a log
directory itself may be one.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from modelwatch.core.clock import Clock, SystemClock
from modelwatch.core.tree import Skipped
from modelwatch.scalars.event_file import EventFile, Outcome
from modelwatch.scalars.layout import Templates
from modelwatch.scalars.run import Run

_MARK: Final = "tfevents"
_SETTLED_SECONDS: Final = 2.0  # a directory changed more recently may change again without its time showing it


def is_event_file(name: str) -> bool:
    """Return whether a file of this name holds events. Hidden files do not count: they are copies in the making."""
    return _MARK in name and not name.startswith(".")


def creation_order(name: str) -> tuple[float, tuple[int, ...], str]:
    """
    Return the key that sorts event files as they were made: by the time in the name, then by its numbers.

    ``events.out.tfevents.<unix seconds>.<host>[.<pid>.<uid>][.<suffix>]``: the numbers are not padded, so text order is wrong.
    """
    after = name.partition(_MARK + ".")[2].split(".")
    seconds = float(after[0]) if after[0].isdecimal() else 0.0
    return seconds, tuple(int(part) for part in after[1:] if part.isdecimal()), name


@dataclass(slots=True)
class _Listing:
    """What a directory held when it was last listed, and whether its time can be trusted to tell of changes since."""

    mtime_ns: int
    is_settled: bool
    subdirectories: list[str]
    event_files: list[str]


class LogDirectories:
    """
    The scalars of all event files below some directories, kept up to date by `poll`.

    Any thread may call `poll`; calls take turns. Readers use `view`, from any thread: it waits while a piece of a file is taken in
    (milliseconds), never for a disk or a network. Lock order: the turn of `poll`, then the view.

    Args:
        roots: Absolute paths of the log directories. They need not exist yet. One that lies in another is a name for part of it.

        exclude: Names of directories that are not looked into.

        polls_per_walk: How many polls make one walk in search of new files; between walks each known file costs one ``stat``.

        clock: For the grace that `EventFile` gives to bad bytes.

    Attributes:
        changes: How many polls have found anything.
    """

    def __init__(
        self,
        roots: Sequence[str],
        *,
        exclude: Sequence[str] = (".modelwatch",),
        polls_per_walk: int = 5,
        clock: Clock | None = None,
    ) -> None:
        real = sorted({os.path.realpath(root) for root in roots})
        self._roots = [
            root for root in real if not any(root.startswith(other.rstrip("/") + "/") for other in real if other != root)
        ]
        self._exclude = frozenset(exclude)
        self._polls_per_walk = polls_per_walk
        self._clock = clock or SystemClock()
        self._turn = threading.Lock()
        self._lock = threading.Lock()
        self._templates = Templates()
        self._runs: dict[str, Run] = {}
        self._files: dict[str, EventFile] = {}
        self._listings: dict[str, _Listing] = {}
        self._unreadable: dict[str, str] = {}
        self._polls = 0
        self.changes = 0

    def poll(self, *, final: bool = False, walk: bool = False) -> bool:
        """
        Take in what is new on disk.

        Args:
            final: The writers have ended: bad bytes are given no more time, and new files are looked for.

            walk: Look for new files now.

        Returns:
            Whether anything was added or taken away.
        """
        with self._turn:
            changed = False
            if self._polls % self._polls_per_walk == 0 or final or walk:
                changed = self._walk()
            self._polls += 1
            gone = []
            for path, file in self._files.items():
                outcome = file.poll(final=final)
                if outcome is Outcome.GONE:
                    gone.append(path)
                elif outcome in {Outcome.GREW, Outcome.RESTARTED}:
                    changed = True
            for path in gone:
                self._remove(path)
            changed = changed or bool(gone)
            self.changes += changed
            return changed

    @contextlib.contextmanager
    def view(self) -> Iterator[tuple[Run, ...]]:
        """
        Give all runs, sorted by directory, and keep them from changing for the time of the ``with`` block.

        The block must be short and must not call `poll`. Nothing taken from the runs but their `Point`s is to be used after it.
        """
        with self._lock:
            yield tuple(self._runs[directory] for directory in sorted(self._runs))

    def problems(self) -> tuple[Skipped, ...]:
        """Return what cannot be read, or was found damaged, by absolute path, and why. Empty when all is well."""
        with self._lock:
            found = dict(self._unreadable)
            found.update((path, file.problem) for path, file in self._files.items() if file.problem)
        return tuple(Skipped(path, reason) for path, reason in sorted(found.items()))

    # -------------------------------------------------------------------------------------------------------------- walking

    def _walk(self) -> bool:
        """Find new event files, and whether there are any. Directories that did not change are not listed again."""
        unreadable: dict[str, str] = {}
        seen: set[str] = set()
        new: list[tuple[str, str, str]] = []
        for root in self._roots:
            pending = [root]
            while pending:
                directory = pending.pop()
                listing = self._list(directory, unreadable)
                if listing is None:
                    continue
                seen.add(directory)
                pending += [f"{directory.rstrip('/')}/{name}" for name in listing.subdirectories]
                new += [
                    (root, directory, name) for name in listing.event_files if f"{directory.rstrip('/')}/{name}" not in self._files
                ]
        self._unreadable = unreadable
        for directory in self._listings.keys() - seen:
            del self._listings[directory]
        for root, directory, name in sorted(new, key=lambda entry: (entry[1], creation_order(entry[2]))):
            self._add(root, directory, name)
        return bool(new)

    def _list(self, directory: str, unreadable: dict[str, str]) -> _Listing | None:
        known = self._listings.get(directory)
        try:
            mtime_ns = os.stat(directory).st_mtime_ns  # noqa: PTH116 - a Path for every directory costs more than its stat
            if known is not None and known.is_settled and known.mtime_ns == mtime_ns:
                return known
            subdirectories, event_files = [], []
            with os.scandir(directory) as entries:
                for entry in entries:
                    if is_event_file(entry.name) and entry.is_file(follow_symlinks=False):
                        event_files.append(entry.name)
                    elif entry.is_dir(follow_symlinks=False) and entry.name not in self._exclude:
                        subdirectories.append(entry.name)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            unreadable[directory] = f"cannot be listed: {error.strerror or error}; tried again at every walk"
            return None
        is_settled = abs(self._clock.now() - mtime_ns / 1e9) > _SETTLED_SECONDS
        listing = self._listings[directory] = _Listing(mtime_ns, is_settled, subdirectories, event_files)
        return listing

    def _add(self, root: str, directory: str, name: str) -> None:
        run = self._runs.get(directory)
        if run is None:
            run = Run(os.path.relpath(directory, root), directory)
        path = f"{directory.rstrip('/')}/{name}"
        file = EventFile(path, run.plugins, self._templates, self._lock, self._clock)
        with self._lock:
            self._runs[directory] = run
            run.streams[name] = file.stream
            self._files[path] = file

    def _remove(self, path: str) -> None:
        directory, _, name = path.rpartition("/")
        directory = directory or "/"
        with self._lock:
            run = self._runs[directory]
            del run.streams[name]
            if not run.streams:
                del self._runs[directory]
            del self._files[path]
        self._listings.pop(directory, None)
