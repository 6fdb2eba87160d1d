"""What a training may do to its model path, as actions on real files that tell which folders they changed."""

import os
import shutil
from pathlib import Path

from hypothesis import strategies

NAMES = ("a", "b", "model.ckpt-1.index", b"\xff.data".decode("utf-8", "surrogateescape"))
PATHS = strategies.lists(strategies.sampled_from(NAMES), min_size=1, max_size=3).map(tuple)


class Workplace:
    """
    A folder, and what was done in it.

    Attributes:
        root: The folder.
        dirty: Folders whose entries have changed, relative to it, since somebody emptied the set.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.dirty: set[str] = set()

    def write(self, parts: tuple[str, ...], content: bytes) -> None:
        """Write a file under its final name."""
        self._on_file(parts, lambda path: path.write_bytes(content))

    def append(self, parts: tuple[str, ...], content: bytes) -> None:
        """Write at the end of a file."""

        def append(path: Path) -> None:
            with path.open("ab") as file:
                file.write(content)

        self._on_file(parts, append)

    def truncate(self, parts: tuple[str, ...]) -> None:
        """Open a file for writing, which empties it."""
        self._on_file(parts, lambda path: path.open("wb").close())

    def replace(self, parts: tuple[str, ...], content: bytes) -> None:
        """Write a file beside and rename it over."""

        def replace(path: Path) -> None:
            beside = path.with_name("x.tempstate1")
            beside.write_bytes(content)
            beside.replace(path)

        self._on_file(parts, replace)

    def symlink(self, parts: tuple[str, ...]) -> None:
        """Make a symbolic link."""
        path = self._path(parts)
        if self._inside(path) and path.parent.is_dir() and not os.path.lexists(path):
            path.symlink_to("..")  # out of the tree, yet not out of the test's own folder
            self.dirty.add(self._relative(path.parent))

    def fifo(self, parts: tuple[str, ...]) -> None:
        """Make a FIFO."""
        path = self._path(parts)
        if self._inside(path) and path.parent.is_dir() and not os.path.lexists(path):
            os.mkfifo(path)
            self.dirty.add(self._relative(path.parent))

    def make_folder(self, parts: tuple[str, ...]) -> None:
        """Make a folder and those above it."""
        path = self.root
        for part in parts:
            path /= part
            if os.path.lexists(path):
                if path.is_symlink() or not path.is_dir():
                    return
            else:
                path.mkdir()
                self.dirty |= {self._relative(path.parent), self._relative(path)}

    def delete(self, parts: tuple[str, ...]) -> None:
        """Delete a file, or a folder with all below it."""
        path = self._path(parts)
        if not self._inside(path) or not os.path.lexists(path):
            return
        self.dirty |= {self._relative(path.parent), *self._folders_below(path)}
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()

    def rename(self, parts: tuple[str, ...], to: tuple[str, ...]) -> None:
        """Rename a file or folder, over what is there if the system lets us."""
        path, target = self._path(parts), self._path(to)
        if path == target or not self._inside(path) or not self._inside(target) or not os.path.lexists(path):
            return
        below = self._folders_below(path) | self._folders_below(target)
        try:
            path.rename(target)
        except OSError:
            return  # into itself, over a folder that is not empty, …
        self.dirty |= below | self._folders_below(target) | {self._relative(path.parent), self._relative(target.parent)}

    def _path(self, parts: tuple[str, ...]) -> Path:
        return self.root.joinpath(*parts)

    def _relative(self, path: Path) -> str:
        return "" if path == self.root else str(path.relative_to(self.root))

    def _inside(self, path: Path) -> bool:
        """Return whether no folder on the way is a link."""
        return path.parent.is_dir() and path.parent.resolve() == path.parent

    def _folders_below(self, path: Path) -> set[str]:
        if path.is_symlink() or not path.is_dir():
            return set()
        return {self._relative(Path(folder)) for folder, _, _ in os.walk(path)}

    def _on_file(self, parts: tuple[str, ...], act) -> None:
        path = self._path(parts)
        if not self._inside(path) or (os.path.lexists(path) and (path.is_symlink() or not path.is_file())):
            return
        act(path)
        self.dirty.add(self._relative(path.parent))
