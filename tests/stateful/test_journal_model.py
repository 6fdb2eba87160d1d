"""Whatever fails, and whenever the agent dies, a sink ends with the version as it is known last."""

import shutil
import tempfile
from pathlib import Path

from hypothesis import strategies
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from samples import metric, registration, stat

from modelwatch.core.entities import Receipt
from modelwatch.journal.journal import Journal
from modelwatch.journal.states import CandidateState, DeliveryState
from modelwatch.journal.trail import Trail
from modelwatch.testing.clock import FakeClock

VALUES = strategies.sampled_from([0.1, 0.2])
"""Few, so that values come back."""

ENDS = ("arrives", "is postponed", "is refused", "is refused", "arrives, and we die", "does not arrive, and we die")


class JournalMachine(RuleBasedStateMachine):
    """Amends and delivers one version, to a sink that fails in every way there is."""

    def __init__(self):
        super().__init__()
        memory = Path("/dev/shm")  # commits are durable, which takes time on a disk
        self.folder = Path(tempfile.mkdtemp(dir=memory if memory.is_dir() else None))
        self.clock = FakeClock()
        self.journal = self.open()
        self.known = None  # the metrics known last
        self.held = None  # what the sink shows

    def open(self):
        """Open the journal, as an agent does that starts."""
        journal = Journal(self.folder / "journal.sqlite3", self.clock)
        journal.recover_deliveries()
        return journal

    @initialize(value=VALUES)
    def commit(self, value):
        """Make the version."""
        trail = Trail("tensorflow-checkpoint", "one", (stat("one"),))
        for state in (CandidateState.SEEN, CandidateState.SETTLING, CandidateState.COMPLETE, CandidateState.SNAPSHOTTED):
            trail.move(state, 1.0)
        self.known = (metric(value=value),)
        wanted = registration("one", metrics=self.known)
        assert self.journal.commit(trail, wanted, snapshot=None, base="", sinks=("a",), metrics_open=True)

    @rule(value=VALUES)
    def amend(self, value):
        """Learn other metrics."""
        self.known = (metric(value=value),)
        [(waiting, _)] = self.journal.open_registrations()
        self.journal.amend(waiting, self.known, metrics_open=True)

    @rule(how=strategies.sampled_from(ENDS), meanwhile=strategies.none() | VALUES)
    def deliver(self, how, meanwhile):
        """Take the next delivery in hand, perhaps learn something meanwhile, and see what becomes of it."""
        delivery = self.journal.next_delivery("a")
        if delivery is None:
            return
        if meanwhile is not None:
            self.amend(meanwhile)
        if how.startswith("arrives"):
            self.arrive(delivery)
        if how == "arrives":
            self.journal.delivered(delivery, Receipt("digits", "1"))
        elif how == "is postponed":
            self.journal.postpone(delivery, "busy", self.clock.now() + 10)
        elif how == "is refused":
            self.journal.reject(delivery, "no")
        else:
            self.journal.close()
            self.journal = self.open()

    @rule(refused=strategies.booleans())
    def recover(self, refused):
        """Have a sink that takes everything for a while, and try again what was to wait, or even what was refused."""
        self.journal.retry(rejected=refused)
        while self.journal.undelivered():
            self.deliver("arrives", None)

    @invariant()
    def what_has_arrived_is_what_is_known(self):
        """When nothing is on its way, the sink shows what is known."""
        if all(delivery.state is DeliveryState.DELIVERED for delivery in self.journal.deliveries()):
            assert self.held == self.known

    def arrive(self, delivery):
        """Do what a sink does: a version that it has already is not made again, and an amendment replaces all metrics."""
        if delivery.amendment is not None:
            self.held = delivery.amendment.metrics
        elif self.held is None:
            self.held = delivery.registration.metrics

    def teardown(self):
        """In the end nothing fails any more, and everything arrives."""
        self.recover(refused=True)
        self.what_has_arrived_is_what_is_known()
        self.journal.close()
        shutil.rmtree(self.folder)


TestJournalModel = JournalMachine.TestCase
