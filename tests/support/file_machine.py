"""The part of a state machine that acts on real files: what is looked at after the actions is the test's own."""

import shutil
import tempfile
from pathlib import Path

from file_actions import PATHS, Workplace
from hypothesis import strategies
from hypothesis.stateful import RuleBasedStateMachine, rule

from modelwatch.watch.scan import Scanner

_CONTENTS = strategies.binary(max_size=3)


class FileMachine(RuleBasedStateMachine):
    """
    Acts on the files of a folder of its own.

    Attributes:
        folder: The folder.
        work: What was done in it.
        scanner: Walks it.
        tree: What it held at the beginning; a test brings it up to date.
    """

    def __init__(self):
        super().__init__()
        self.folder = Path(tempfile.mkdtemp()).resolve()
        self.work = Workplace(self.folder)
        self.scanner = Scanner(str(self.folder))
        self.tree = self.scanner.full()

    @rule(path=PATHS, content=_CONTENTS)
    def write(self, path, content):
        """Write a file under its final name."""
        self.work.write(path, content)

    @rule(path=PATHS, content=_CONTENTS)
    def append(self, path, content):
        """Write at the end of a file."""
        self.work.append(path, content)

    @rule(path=PATHS)
    def truncate(self, path):
        """Empty a file."""
        self.work.truncate(path)

    @rule(path=PATHS, content=_CONTENTS)
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

    def teardown(self):
        """Delete the folder."""
        shutil.rmtree(self.folder)
