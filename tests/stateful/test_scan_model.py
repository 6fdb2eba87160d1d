"""Whatever is done to the files, listing again what changed gives the same as walking everything."""

import shutil
import tempfile
from pathlib import Path

from file_actions import PATHS, Workplace
from hypothesis import strategies
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from modelwatch.watch.scan import Scanner

CONTENTS = strategies.binary(max_size=3)


class ScanMachine(RuleBasedStateMachine):
    """Acts on real files and keeps a tree up to date by refreshing it."""

    def __init__(self):
        super().__init__()
        self.folder = Path(tempfile.mkdtemp()).resolve()
        self.work = Workplace(self.folder)
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
    def fifo(self, path):
        """Make a FIFO."""
        self.work.fifo(path)

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

    @invariant()
    def refreshing_is_walking(self):
        """Listing what changed gives what walking everything gives."""
        self.tree = self.scanner.refresh(self.tree, self.work.dirty)
        self.work.dirty.clear()
        assert self.tree == self.scanner.full()

    def teardown(self):
        """Delete the folder."""
        shutil.rmtree(self.folder)


class LazyScanMachine(ScanMachine):
    """Refreshes only now and then, after many actions."""

    @rule()
    def look(self):
        """Bring the tree up to date."""
        self.tree = self.scanner.refresh(self.tree, self.work.dirty)
        self.work.dirty.clear()
        assert self.tree == self.scanner.full()

    @invariant()
    def refreshing_is_walking(self):
        """Nothing is promised in between."""


TestScanModel = ScanMachine.TestCase
TestLazyScanModel = LazyScanMachine.TestCase
