"""The thread that sees what agents write into the directory beside the server, and what grows old in it."""

from __future__ import annotations

import threading
import time

from modelwatch.core import log
from modelwatch.core.backoff import Backoff
from modelwatch.core.errors import ModelwatchError
from modelwatch.core.lock import LockedError
from modelwatch.core.threads import Worker
from modelwatch.server.accounts.principal import operator
from modelwatch.server.services import Services

_LOOK_SECONDS = 1.0
_MOST_OF_A_CORE = 0.05
_TIDY_SECONDS = 3600.0


def pause(looking_seconds: float, *, changed: bool) -> float:
    """
    Return how long to wait after a look at a part of the directory.

    So long that looks in vain take a twentieth of a core at most, and no burst of them keeps those waiting who ask the server something. What
    is changed through the server is seen at once in any case.

    Args:
        looking_seconds: CPU time of the look.

        changed: Whether it found anything: then what else has come is wanted soon.
    """
    return 0.0 if changed else looking_seconds * (1 / _MOST_OF_A_CORE - 1)


class Follower:
    """
    Looks at the directory again and again, and tidies it now and then.

    An error is told once and tried again: the server goes on answering with what it knows.

    Args:
        services: The server's parts.

        audit_days: How long the audit is kept, None for ever.
    """

    def __init__(self, services: Services, audit_days: int | None) -> None:
        self._services = services
        self._audit_days = audit_days
        self._stop = threading.Event()
        self._failures = 0
        self._worker = Worker("follower", self._run, on_failure=self._stop.set)

    def start(self) -> None:
        """Start the thread."""
        self._worker.start()

    def stop(self) -> None:
        """End the thread and wait for it."""
        self._stop.set()
        self._worker.join()

    def _run(self) -> None:
        clock = self._services.clock
        backoff = Backoff()
        tidied = clock.monotonic()
        self._shorten_audit()
        while not self._stop.is_set():
            begun = clock.monotonic()
            seen = self._look()
            wait = begun + _LOOK_SECONDS - clock.monotonic() if seen else backoff.wait_seconds(self._failures)
            if clock.wait(self._stop, max(0.0, wait)):
                return
            if clock.monotonic() - tidied >= _TIDY_SECONDS:
                tidied = clock.monotonic()
                self._tidy()

    def _look(self) -> bool:
        """Look at the whole directory once, a part at a time; return whether it could be read."""
        try:
            self._look_at_parts()
        except ModelwatchError as error:
            self._failures += 1
            if self._failures == 1:
                log.warning("the repository cannot be followed", why=error)
            return False
        if self._failures:
            log.info("the repository is followed again", failures=self._failures)
            self._failures = 0
        return True

    def _look_at_parts(self) -> None:
        stores = self._services.stores
        begun = time.thread_time()
        for changed in stores.index.look():
            if changed:
                stores.feed.wake(stores.index.generation)
            if self._services.clock.wait(self._stop, pause(time.thread_time() - begun, changed=changed)):
                return
            begun = time.thread_time()
        generation = stores.index.generation
        if generation != stores.feed.generation:  # by another process that has the same index
            stores.feed.wake(generation)

    def _shorten_audit(self) -> None:
        if self._audit_days is None:
            return
        try:
            removed = self._services.accounts.forget_audit(self._audit_days, by=operator("server"))
        except ModelwatchError as error:
            log.warning("the audit could not be shortened", why=error)
        else:
            if removed:
                log.info("old entries of the audit were removed", entries=removed)

    def _tidy(self) -> None:
        self._shorten_audit()
        try:
            self._services.stores.repository.collect_garbage(wait=False)
        except LockedError:
            log.debug("content is removed later", why="something is being registered")
        except ModelwatchError as error:
            log.warning("content that nothing needs could not be removed", why=error)
        try:
            self._services.stores.transfers.forget_old()
            self._services.handles.forget_old()
        except ModelwatchError as error:
            log.warning("uploads that nobody goes on with could not be forgotten", why=error)
