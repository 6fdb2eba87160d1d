"""
Hints from inotify: every directory below the model path is watched, by the thread that waits.

A directory that comes is watched first and reported then, with all below it, so that the scan that follows sees what had happened in it before.
What a file's writer does before it closes the file is not asked for: only writes that are followed by a close or a rename can complete a
checkpoint, and a log that is written all the time must not wake anybody.
"""

from __future__ import annotations

import math
import os
import select
import threading
from collections.abc import Callable, Sequence

from modelwatch.core.below import directory_below
from modelwatch.core.tree import join
from modelwatch.watch import inotify
from modelwatch.watch.hint import Hint
from modelwatch.watch.inotify import Event, Inotify, InotifyUnavailableError
from modelwatch.watch.scan import STATE_FOLDER, ModelPathError, ignoring, model_path_error

__all__ = ["InotifyHints", "InotifyUnavailableError"]

_ENTRIES = inotify.CLOSE_WRITE | inotify.CREATE | inotify.DELETE | inotify.MOVED_FROM | inotify.MOVED_TO
_ITSELF = inotify.DELETE_SELF | inotify.MOVE_SELF
_MASK = _ENTRIES | _ITSELF | inotify.ONLY_DIRECTORIES | inotify.DO_NOT_FOLLOW
_LONGEST_WAIT_SECONDS = 24 * 3600.0  # poll(2) takes milliseconds in 31 bits


class InotifyHints:
    """
    Watches every directory below a model path.

    Args:
        root: The model path. Symbolic links in it are resolved now, and again when it had to be watched anew.

        ignore: Globs of what is not looked at, as for `Scanner`.

    Raises:
        ModelPathError: The model path is missing, not a folder or not readable.

        InotifyUnavailableError: inotify cannot be used here; also raised by `wait`, when a limit is reached later.
    """

    def __init__(self, root: str, *, ignore: Sequence[str] = ()) -> None:
        self._model_path = root
        self._ignored = ignoring(ignore)
        self._watches = self._watch_everything()
        self._blind = False  # the model path is not there, so nothing is watched
        self._bell = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._bell_lock = threading.Lock()
        self._closed = False

    def wait(self, timeout_seconds: float) -> Hint:
        """Return the hints that have come, waiting for the first at most `timeout_seconds`."""
        if self._blind:
            return self._start_anew()
        poll = select.poll()
        poll.register(self._watches.queue, select.POLLIN)
        poll.register(self._bell, select.POLLIN)
        ready = {number for number, _ in poll.poll(math.ceil(min(timeout_seconds, _LONGEST_WAIT_SECONDS) * 1000))}
        if self._bell in ready:
            os.eventfd_read(self._bell)
        dirty: set[str] = set()
        for event in self._watches.queue.read():
            if event.mask & inotify.QUEUE_OVERFLOW or not self._watches.follow(event, dirty):
                return self._start_anew()
        return Hint(frozenset(dirty))

    def wake(self) -> None:
        """End the wait that is going on, or else the next one."""
        with self._bell_lock:
            if not self._closed:
                os.eventfd_write(self._bell, 1)

    def close(self) -> None:
        """Stop watching; a second call does nothing."""
        with self._bell_lock:
            if not self._closed:
                self._closed = True
                os.close(self._bell)
                self._watches.queue.close()

    def _start_anew(self) -> Hint:
        """Watch everything with a new queue: events were lost, or the model path is another folder now."""
        try:
            watches = self._watch_everything()
        except ModelPathError:
            self._blind = True  # the scan that this hint leads to says so
        else:
            self._watches.queue.close()
            self._watches, self._blind = watches, False
        return Hint(everything=True)

    def _watch_everything(self) -> _Watches:
        queue = Inotify()
        try:
            watches = _Watches(queue, os.path.realpath(self._model_path), self._ignored)
            watches.add("")
        except BaseException:
            queue.close()
            raise
        return watches


class _Watches:
    """
    Which number of a queue stands for which directory.

    The kernel's numbers stay with an inode wherever it is moved, while events are read some time after they happened. So a number
    is bound to the path that it was last found under, and a directory that moves is let go of and watched again under its new name.

    Attributes:
        queue: The queue.
    """

    def __init__(self, queue: Inotify, root: str, ignored: Callable[[str], bool] | None) -> None:
        self.queue = queue
        self._root = root
        self._ignored = ignored
        self._paths: dict[int, str] = {}
        self._numbers: dict[str, int] = {}

    def add(self, path: str) -> set[str]:
        """
        Watch a directory and all below it; return those that are watched now.

        Raises:
            ModelPathError: `path` is the model path, which cannot be watched.

            InotifyUnavailableError: A limit is used up.
        """
        watched: set[str] = set()
        pending = [path]
        while pending:
            current = pending.pop()
            try:
                self._bind(self.queue.add(os.path.join(self._root, current), _MASK), current)  # noqa: PTH118 - text with surrogates
                watched.add(current)
                pending += self._subdirectories(current)
            except OSError as error:
                if not current:
                    raise model_path_error(self._root, error) from error
                # Gone, or not ours to read: the scan tells which, for whoever made it go has changed the directory above.
        return watched

    def follow(self, event: Event, dirty: set[str]) -> bool:
        """Add to `dirty` what an event makes worth looking at; return False when the model path itself is not what it was."""
        path = self._paths.get(event.watch)
        if path is None or (event.name and self._is_ignored(path, event.name)):
            return True
        if event.mask & (_ITSELF | inotify.IGNORED | inotify.UNMOUNT):
            if not path:
                return False
            dirty.add(path.rpartition("/")[0])
        if event.mask & inotify.IGNORED:
            self._release(event.watch, path)
            return True
        dirty.add(path)
        if event.mask & inotify.IS_DIRECTORY and event.name:
            child = join(path, event.name)
            if event.mask & inotify.MOVED_FROM:
                self._drop(child)
            elif event.mask & (inotify.CREATE | inotify.MOVED_TO):
                dirty |= self.add(child)
        return True

    def _is_ignored(self, directory: str, name: str) -> bool:
        if not directory and name == STATE_FOLDER:
            return True
        return self._ignored is not None and self._ignored(join(directory, name))

    def _subdirectories(self, path: str) -> list[str]:
        with directory_below(self._root, path) as descriptor, os.scandir(descriptor) as entries:
            return [
                join(path, entry.name)
                for entry in entries
                if entry.is_dir(follow_symlinks=False) and not self._is_ignored(path, entry.name)
            ]

    def _bind(self, number: int, path: str) -> None:
        """Note that a number stands for a path, and neither for anything else."""
        before = self._paths.get(number)
        if before is not None and before != path:
            del self._numbers[before]
        other = self._numbers.get(path)
        if other is not None and other != number:
            del self._paths[other]
        self._paths[number], self._numbers[path] = path, number

    def _release(self, number: int, path: str) -> None:
        del self._paths[number]
        del self._numbers[path]

    def _drop(self, path: str) -> None:
        """Stop watching a directory that was moved away, and all below it."""
        below = f"{path}/"
        for gone in [other for other in self._numbers if other == path or other.startswith(below)]:
            number = self._numbers[gone]
            self._release(number, gone)
            self.queue.remove(number)
