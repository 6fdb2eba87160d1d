"""
Walking the model path. The scan is the truth; events are only hints of where to look again.

Nothing here follows a symbolic link or opens anything but directories. What cannot be looked at is told with the reason, and what goes away
during the walk is simply not in its result.
"""

from __future__ import annotations

import errno
import fnmatch
import os
import re
import stat
from collections.abc import Callable, Iterable, Mapping, Sequence

from modelwatch.core.below import directory_below
from modelwatch.core.errors import ModelwatchError
from modelwatch.core.tree import Directory, FileStat, FileTree, Skipped, join

STATE_FOLDER = ".modelwatch"
"""The one name at the top of the model path that is ours."""

_GONE = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP})
_OUR_OWN_TROUBLE = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM})
_KINDS = {stat.S_IFIFO: "FIFO", stat.S_IFSOCK: "socket", stat.S_IFCHR: "device", stat.S_IFBLK: "device"}


class ModelPathError(ModelwatchError):
    """The model path cannot be walked now; it may become walkable."""


class ModelPathMissingError(ModelPathError):
    """There is nothing at the model path."""


class ModelPathNotADirectoryError(ModelPathError):
    """The model path is a file."""


class ModelPathUnreadableError(ModelPathError):
    """The model path is there, and may not or cannot be read."""


def model_path_error(root: str, error: OSError) -> ModelPathError:
    """Return the error to raise for a model path that the system has refused with `error`."""
    if error.errno == errno.ENOENT:
        return ModelPathMissingError(f"{root} does not exist", hint="training may make it later")
    if error.errno == errno.ENOTDIR:
        return ModelPathNotADirectoryError(f"{root} is not a folder", hint="give the folder that the training writes into")
    return ModelPathUnreadableError(f"{root} cannot be read: {error.strerror}", hint="let this user read the folder")


def ignoring(globs: Sequence[str]) -> Callable[[str], bool] | None:
    """
    Return what tells whether a relative path is to be ignored, or None when nothing is.

    Args:
        globs: As the shell's, where ``*`` matches ``/`` too. Each is held against the whole path and against the name.
    """
    if not globs:
        return None
    whole = re.compile("|".join(fnmatch.translate(glob) for glob in globs))

    def ignored(path: str) -> bool:
        return whole.match(path) is not None or whole.match(path.rpartition("/")[2]) is not None

    return ignored


class Scanner:
    """
    Walks one model path.

    Args:
        root: The model path. It may be a symbolic link itself, which is resolved anew for each full walk.

        ignore: Globs of what is not looked at, as for `ignoring`.

    Attributes:
        root: Absolute path of what the latest full walk walked.
    """

    def __init__(self, root: str, *, ignore: Sequence[str] = ()) -> None:
        self._model_path = root
        self._ignored = ignoring(ignore)
        self.root = os.path.realpath(root)

    def full(self) -> FileTree:
        """
        Walk everything.

        Raises:
            ModelPathError: The model path is missing, not a folder or not readable; each has its own subclass.
        """
        self.root = os.path.realpath(self._model_path)
        walk = _Walk(self.root, {}, self._ignored)
        walk.list_again([""])
        return FileTree(self.root, walk.known, walk.skipped(()))

    def refresh(self, tree: FileTree, directories: Iterable[str]) -> FileTree:
        """
        List `directories` again, and everything that is new below them.

        A directory that is not in the tree stands for the nearest one above it that is. Of a directory that took the place of another of the
        same name, those below it that the other had too must be among `directories`: inode numbers are used again and do not tell.

        Returns:
            What `full` would give if nothing but the entries of these directories has changed. Listings that are the same are the same
            objects, and so is the tree when nothing has changed.

        Raises:
            ModelPathError: As `full`.
        """
        walk = _Walk(tree.root, dict(tree.directories), self._ignored)
        walk.list_again({_nearest(tree.directories, path) for path in directories})
        skipped = walk.skipped(tree.skipped)
        return FileTree(tree.root, walk.known, skipped) if walk.changed or skipped != tree.skipped else tree


def _nearest(known: Mapping[str, Directory], path: str) -> str:
    while path and path not in known:
        path = path.rpartition("/")[0]
    return path


class _Walk:
    """
    One walk, from the listings known before it to those after it.

    Attributes:
        known: The listings, brought up to date in place.
        changed: Whether any of them differs from what it was.
    """

    def __init__(self, root: str, known: dict[str, Directory], ignored: Callable[[str], bool] | None) -> None:
        self._root = root
        self._ignored = ignored
        self._touched: set[str] = set()  # listed again or gone: what had been skipped in them does not count any more
        self._skipped: list[Skipped] = []
        self.known = known
        self.changed = False

    def list_again(self, directories: Iterable[str]) -> None:
        """List these, and below them what is not known."""
        pending = sorted(directories, reverse=True)
        while pending:
            path = pending.pop()
            if path not in self._touched:
                pending += self._list(path)

    def skipped(self, before: Iterable[Skipped]) -> tuple[Skipped, ...]:
        """Return what is skipped now, given what was skipped before this walk."""
        return tuple(sorted([entry for entry in before if self._lister(entry.path) not in self._touched] + self._skipped))

    def _lister(self, path: str) -> str:
        """Return the directory whose listing told of a skipped entry: a directory that cannot be read tells of itself."""
        return path if path in self.known or path in self._touched else path.rpartition("/")[0]

    def _list(self, path: str) -> list[str]:
        """List one directory; return those in it that are not known."""
        self._touched.add(path)
        try:
            listing = self._read(path)
        except OSError as error:
            if not path:
                raise model_path_error(self._root, error) from error
            if error.errno in _OUR_OWN_TROUBLE:
                raise
            if error.errno in _GONE:
                self._forget(path)
                return []
            listing = Directory({})
            self._skipped.append(Skipped(path, _reason(error)))
        old = self.known.get(path)
        if old != listing:
            self.changed = True
            self.known[path] = listing
            if old is not None:
                for name in set(old.subdirectories).difference(listing.subdirectories):
                    self._forget(join(path, name))
        return [child for name in listing.subdirectories if (child := join(path, name)) not in self.known]

    def _forget(self, path: str) -> None:
        pending = [path]
        while pending:
            gone = pending.pop()
            self._touched.add(gone)
            listing = self.known.pop(gone, None)
            if listing is not None:
                self.changed = True
                pending += [join(gone, name) for name in listing.subdirectories]

    def _read(self, path: str) -> Directory:
        """Return the listing of one directory, noting what is not looked at in it."""
        files: dict[str, FileStat] = {}
        subdirectories: list[str] = []
        prefix = f"{path}/" if path else ""
        ignored = self._ignored
        with directory_below(self._root, path) as descriptor:
            mtime_ns = os.fstat(descriptor).st_mtime_ns  # before the entries: a change meanwhile shows at the next listing
            with os.scandir(descriptor) as entries:
                for entry in entries:
                    name = entry.name
                    below = prefix + name
                    if (name == STATE_FOLDER and not path) or (ignored is not None and ignored(below)):
                        continue
                    try:
                        if entry.is_file(follow_symlinks=False):
                            seen = entry.stat(follow_symlinks=False)
                            files[name] = FileStat(below, seen.st_size, seen.st_mtime_ns, seen.st_ino)
                        elif entry.is_dir(follow_symlinks=False):
                            subdirectories.append(name)
                        else:
                            self._skipped.append(Skipped(below, _kind(entry)))
                    except OSError as error:
                        if error.errno not in _GONE:
                            self._skipped.append(Skipped(below, _reason(error)))
        subdirectories.sort()
        return Directory(files, tuple(subdirectories), mtime_ns)


def _kind(entry: os.DirEntry[str]) -> str:
    """Return what people call an entry that is neither a file nor a directory. Raise FileNotFoundError when it has gone."""
    if entry.is_symlink():
        return "symbolic link, not followed"
    return _KINDS.get(stat.S_IFMT(entry.stat(follow_symlinks=False).st_mode), "not a regular file")


def _reason(error: OSError) -> str:
    return (error.strerror or type(error).__name__).lower()
