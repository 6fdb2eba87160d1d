"""Whatever is done to the files, listing again what changed gives the same as walking everything."""

from file_machine import FileMachine
from hypothesis.stateful import invariant, rule


class ScanMachine(FileMachine):
    """Keeps a tree up to date by refreshing it after every action."""

    @invariant()
    def refreshing_is_walking(self):
        """Listing what changed gives what walking everything gives."""
        self.tree = self.scanner.refresh(self.tree, self.work.dirty)
        self.work.dirty.clear()
        assert self.tree == self.scanner.full()


class LazyScanMachine(FileMachine):
    """Refreshes only now and then, after many actions."""

    @rule()
    def look(self):
        """Bring the tree up to date."""
        self.tree = self.scanner.refresh(self.tree, self.work.dirty)
        self.work.dirty.clear()
        assert self.tree == self.scanner.full()


TestScanModel = ScanMachine.TestCase
TestLazyScanModel = LazyScanMachine.TestCase
