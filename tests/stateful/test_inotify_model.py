"""Whatever is done to the files, inotify's hints name every folder that has changed."""

import shutil
import tempfile
from pathlib import Path

from file_actions import PATHS, Workplace
from hypothesis import strategies
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from modelwatch.watch.inotify_hints import InotifyHints
from modelwatch.watch.scan import Scanner

CONTENTS = strategies.binary(max_size=3)


class InotifyMachine(RuleBasedStateMachine):
    """Acts on real files, and now and then looks where the hints point."""

    def __init__(self):
        super().__init__()
        self.folder = Path(tempfile.mkdtemp()).resolve()
        self.work = Workplace(self.folder)
        self.hints = InotifyHints(str(self.folder))
        self.scanner = Scanner(str(self.folder))
        self.tree = self.scanner.full()

    @rule(path=PATHS, content=CONTENTS)
    def write(self, path, content):
        """Write a file under its final name."""
        self.work.write(path, content)

    @rule(path=PATHS, content=CONTENTS)
    def append(self, path, content):
        """Write at the end of a file."""
        self.work.append(path, content)

    @rule(path=PATHS)
    def truncate(self, path):
        """Empty a file."""
        self.work.truncate(path)

    @rule(path=PATHS, content=CONTENTS)
    def replace(self, path, content):
        """Rename another file over a file."""
        self.work.replace(path, content)

    @rule(path=PATHS)
    def symlink(self, path):
        """Make a symbolic link."""
        self.work.symlink(path)

    @rule(path=PATHS)
    def make_folder(self, path):
        """Make a folder and those above it."""
        self.work.make_folder(path)

    @rule(path=PATHS)
    def delete(self, path):
        """Delete a file or a folder."""
        self.work.delete(path)

    @rule(path=PATHS, to=PATHS)
    def rename(self, path, to):
        """Rename a file or a folder."""
        self.work.rename(path, to)

    @precondition(lambda self: self.work.dirty)
    @rule()
    def look(self):
        """The hints name every changed folder that is still there, and looking there gives what walking everything gives."""
        hint = self.hints.wait(0.0)
        changed = {folder for folder in self.work.dirty if (self.folder / folder).is_dir()}
        self.work.dirty.clear()
        assert not hint.everything
        real = self.scanner.full()
        assert changed & set(real.directories) <= hint.directories
        self.tree = self.scanner.refresh(self.tree, hint.directories)
        assert self.tree == real

    def teardown(self):
        """Stop watching and delete the folder."""
        self.hints.close()
        shutil.rmtree(self.folder)


TestInotifyModel = InotifyMachine.TestCase
