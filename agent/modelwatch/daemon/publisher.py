"""
Delivering what the journal holds to one sink, oldest first.

Versions get their numbers in the order in which they are delivered. So when one delivery fails for now, those after it wait with it; only
one that has failed many times lets others pass, because then it may be the trouble, and not the sink.

At-least-once with an idempotency key: each delivery is claimed, attempted, and then marked delivered, postponed or rejected. A crash
between attempt and mark repeats the attempt, and the sink answers the same key with the same receipt.
"""

from __future__ import annotations

import posixpath
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from modelwatch.core import log, steps
from modelwatch.core.backoff import Backoff
from modelwatch.core.clock import Clock
from modelwatch.core.entities import Receipt, Snapshot
from modelwatch.core.errors import ModelwatchError, PermanentError, TransientError
from modelwatch.journal.journal import Journal
from modelwatch.journal.rows import Delivery
from modelwatch.sinks.base import Sink
from modelwatch.snapshot.store import SnapshotStore

_PATIENT_ATTEMPTS = 8
"""After so many attempts of one delivery the next one is tried too, right after it: minutes at the default backoff."""


@dataclass(slots=True)
class Publisher:
    """
    Delivers to one sink. Belongs to the sink's publisher thread.

    Attributes:
        journal: Opened by the publisher thread.
        sink: Where to.
        snapshots: Where the files are.
        clock: For backoff.
        tell: Called with each receipt of a new version, for people.
        backoff: Between attempts while the sink fails.
        failures: Attempts that failed for now since one arrived.
        arrived: How many deliveries have arrived.
    """

    journal: Journal
    sink: Sink
    snapshots: SnapshotStore
    clock: Clock
    tell: Callable[[Delivery, Receipt], None]
    backoff: Backoff = field(default_factory=Backoff)
    failures: int = 0
    arrived: int = 0
    _held_until: float = 0.0  # seconds since the epoch

    def greet(self) -> None:
        """Ask whether the sink answers, so that what is wrong with it is said before the first checkpoint and not hours later."""
        try:
            self.sink.check()
        except ModelwatchError as error:
            self._complain(error.message, error.hint)
        except Exception as error:  # noqa: BLE001 - the plug-in boundary: the first delivery will tell the same
            self._complain(f"{type(error).__name__}: {error}", "")

    def publish_due(self, stop: threading.Event) -> int:
        """
        Attempt every delivery that is due now, oldest first, until `stop` is set or the sink fails. Return how many arrived.

        Raises:
            StateError: The journal cannot be written; what was being delivered is to be recovered before the next call.
        """
        arrived = 0
        while not stop.is_set() and self.clock.now() >= self._held_until:
            delivery = self.journal.next_delivery(self.sink.name)
            if delivery is None:
                break
            arrived += self._attempt(delivery)
        return arrived

    def due_seconds(self) -> float | None:
        """Return the seconds until the next attempt, or None when nothing is pending."""
        due = self.journal.next_due(self.sink.name)
        return None if due is None else max(0.0, max(due, self._held_until) - self.clock.now())

    def _attempt(self, delivery: Delivery) -> bool:
        try:
            receipt = self._send(delivery)
        except TransientError as error:
            self._postpone(delivery, error)
            return False
        except (
            OSError,
            MemoryError,
        ) as error:  # descriptors, memory or a disk that fails: the machine's trouble, not the version's
            self._postpone(delivery, TransientError(f"{type(error).__name__}: {error}"))
            return False
        except ModelwatchError as error:
            self._reject(delivery, str(error))
            return False
        except Exception as error:  # noqa: BLE001 - the plug-in boundary: a sink's mistake must not lose the version or stop the others
            self._reject(delivery, f"{type(error).__name__}: {error}")
            return False
        steps.reached("publisher.sent")
        self.arrived += 1
        released = self.journal.delivered(delivery, receipt)
        if released is not None:
            self.snapshots.discard(released)
        if self.failures:
            log.info("registering works again", sink=self.sink.name)
            self.failures, self._held_until = 0, 0.0
        self.tell(delivery, receipt)
        return True

    def _postpone(self, delivery: Delivery, error: TransientError) -> None:
        """Try again later, and with it everything after it, unless it alone may be the trouble."""
        self._complain(error.message, error.hint)
        asked = error.retry_after_seconds
        at = self.clock.now() + (self.backoff.wait_seconds(self.failures) if asked is None else asked)
        if asked is not None or delivery.attempts < _PATIENT_ATTEMPTS:
            self._held_until = at
        self.journal.postpone(delivery, str(error), at)

    def _complain(self, why: str, hint: str) -> None:
        """Count a failure, and tell people of the first."""
        self.failures += 1
        if self.failures == 1:
            log.warning("cannot register now; checkpoints are kept and tried again", sink=self.sink.name, why=why, hint=hint)

    def _send(self, delivery: Delivery) -> Receipt:
        if delivery.amendment is not None:
            return self.sink.amend(delivery.amendment)
        return self.sink.register(delivery.registration, self._files(delivery))

    def _files(self, delivery: Delivery) -> Snapshot | None:
        """Return the snapshot under the paths of the registration's manifest."""
        if delivery.snapshot is None:
            return None
        try:
            snapshot = self.snapshots.open(delivery.snapshot)
        except FileNotFoundError as error:
            raise PermanentError(
                f"the snapshot {delivery.snapshot} is gone", hint="somebody deleted files inside the state folder"
            ) from error
        if not delivery.base:
            return snapshot
        linked = frozenset(path.removeprefix(f"{delivery.base}/") for path in snapshot.linked)
        return Snapshot(posixpath.join(snapshot.folder, delivery.base), delivery.registration.manifest, linked)

    def _reject(self, delivery: Delivery, reason: str) -> None:
        self.journal.reject(delivery, reason)
        log.error(
            "refused by the repository; it is kept: see `modelwatch status`",
            sink=self.sink.name,
            model=delivery.registration.model,
            root=delivery.registration.root,
            why=reason,
        )
