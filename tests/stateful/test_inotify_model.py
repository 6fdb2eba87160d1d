"""Whatever is done to the files, inotify's hints name every folder that has changed."""

from file_machine import FileMachine
from hypothesis.stateful import precondition, rule

from modelwatch.watch.inotify_hints import InotifyHints


class InotifyMachine(FileMachine):
    """Looks now and then where the hints point."""

    def __init__(self):
        super().__init__()
        self.hints = InotifyHints(str(self.folder))

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
        super().teardown()


TestInotifyModel = InotifyMachine.TestCase
