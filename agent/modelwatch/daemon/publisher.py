"""
Delivering what the journal holds to one sink.

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
from modelwatch.journal.journal import Delivery, Journal
from modelwatch.sinks.base import Sink
from modelwatch.snapshot.store import SnapshotStore


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
        backoff: Between attempts of one delivery.
    """

    journal: Journal
    sink: Sink
    snapshots: SnapshotStore
    clock: Clock
    tell: Callable[[Delivery, Receipt], None]
    backoff: Backoff = field(default_factory=Backoff)
    _failing: bool = False

    def publish_due(self, stop: threading.Event) -> int:
        """Attempt every delivery that is due now, oldest first, until `stop` is set. Return how many arrived."""
        arrived = 0
        while not stop.is_set() and (delivery := self.journal.next_delivery(self.sink.name)) is not None:
            arrived += self._attempt(delivery)
        return arrived

    def due_seconds(self) -> float | None:
        """Return the seconds until the next attempt, or None when nothing is pending."""
        due = self.journal.next_due(self.sink.name)
        return None if due is None else max(0.0, due - self.clock.now())

    def _attempt(self, delivery: Delivery) -> bool:
        try:
            receipt = self._send(delivery)
        except TransientError as error:
            wait = (
                self.backoff.wait_seconds(delivery.attempts + 1) if error.retry_after_seconds is None else error.retry_after_seconds
            )
            self.journal.postpone(delivery, str(error), self.clock.now() + wait)
            if not self._failing:
                log.warning("cannot register; it is kept and tried again", sink=self.sink.name, why=error.message, hint=error.hint)
            self._failing = True
            return False
        except ModelwatchError as error:
            self._reject(delivery, str(error))
            return False
        except Exception as error:  # noqa: BLE001 - the plug-in boundary: a sink's mistake must not lose the version or stop the others
            self._reject(delivery, f"{type(error).__name__}: {error}")
            return False
        steps.reached("publisher.sent")
        released = self.journal.delivered(delivery, receipt)
        if released is not None:
            self.snapshots.discard(released)
        if self._failing:
            log.info("registering works again", sink=self.sink.name)
            self._failing = False
        self.tell(delivery, receipt)
        return True

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
