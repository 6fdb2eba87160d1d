"""
What the agent tells machines: over HTTP, in `status.json`, and by a file that says that it is ready.

One thread, which looks at the journal as anybody can and takes part in nothing. When it fails, nobody is answered any more and everything else
goes on. Nothing that it writes is a promise, so nothing here waits for a disk.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import modelwatch
from modelwatch.config.address import Address
from modelwatch.core import log
from modelwatch.core.clock import Clock
from modelwatch.core.errors import StateError
from modelwatch.core.json import JsonValue, dumps, finite
from modelwatch.core.prometheus import CONTENT_TYPE
from modelwatch.core.threads import Worker
from modelwatch.daemon import prometheus
from modelwatch.daemon.http_responder import JSON, Answer, Responder
from modelwatch.daemon.state_folder import journal_path
from modelwatch.daemon.status import read_status
from modelwatch.daemon.status_json import status_json
from modelwatch.journal.figures import Figures
from modelwatch.journal.journal import Journal
from modelwatch.snapshot.store import SnapshotStore

STATUS_FILE = "status.json"

_LISTED: Final = 1000
"""Checkpoints and deliveries, each, that ``/status`` lists: the agent's memory does not grow with a training's length."""

_LOOK_SECONDS = 1.0
"""Between two looks at the journal, so at the least between two writings of the file."""

_WAKES = 64
"""Read at once from the pipe that wakes the thread; more would be read at the next turn."""


@dataclass(frozen=True, slots=True)
class _Watched:
    """
    The state folder that an agent holds now.

    Attributes:
        folder: The state folder.
        is_failing: Whether a thread of the agent has failed.
    """

    folder: Path
    is_failing: Callable[[], bool]


class Health:
    """
    Tells how the agent is. It outlives agents: a model path that goes away ends one and another follows.

    Args:
        address: Where to answer, or None for nowhere. An address that cannot be had is told of and done without.

        ready_file: Absolute path of a file that is there while we are ready, or None. One of an earlier life is deleted.

        clock: For the time.

    Attributes:
        address: Where it answers, as ``host:port``, or None.
    """

    def __init__(self, address: Address | None, ready_file: str | None, clock: Clock) -> None:
        self._clock = clock
        self._ready_file = None if ready_file is None else Path(ready_file)
        self._ready = False
        self._ending = False
        self._stopping = False
        self._watched: _Watched | None = None
        self._writing = threading.Lock()
        self._wake_reader, self._wake_writer = os.pipe()
        self._remove_ready_file()
        listener = None if address is None else _listen(address)
        self.address = None if listener is None else _name(listener)
        self._responder = None if listener is None else Responder(listener, self._answer, clock)
        self._worker = Worker("health", self._run, lambda: None)  # the worker says what failed; nothing else is stopped by it

    # ------------------------------------------------------------------------------------------------- from other threads

    def start(self) -> None:
        """Begin to answer."""
        self._worker.start()

    def ready(self) -> None:
        """Tell that everything that becomes complete from now on is seen."""
        if self._ready or self._ending:
            return
        self._ready = True
        if self._ready_file is not None:
            try:
                self._ready_file.write_text("ready\n", encoding="ascii")
            except OSError as error:
                log.warning("the ready file cannot be written", path=self._ready_file, why=error.strerror)
        self._wake()

    def ending(self) -> None:
        """Tell that nothing new is looked for any more. Safe in a signal handler: what follows from it is done by the thread, soon."""
        self._ending = True

    @contextlib.contextmanager
    def watching(self, folder: Path, is_failing: Callable[[], bool]) -> Iterator[None]:
        """Tell of the agent that holds `folder` while the block runs, and at its end how it ended."""
        watched = self._watched = _Watched(folder, is_failing)
        self._wake()
        try:
            yield
        finally:
            self._watched = None
            with contextlib.suppress(StateError), Journal(journal_path(folder), self._clock, create=False) as journal:
                self._write(watched, journal)

    def close(self) -> None:
        """Stop answering."""
        self._stopping = True
        self._wake()
        self._worker.join()
        self._remove_ready_file()
        if self._responder is not None:
            self._responder.close()
        os.close(self._wake_writer)
        os.close(self._wake_reader)

    def _wake(self) -> None:
        os.write(self._wake_writer, b"!")

    def _remove_ready_file(self) -> None:
        if self._ready_file is not None:
            with contextlib.suppress(OSError):
                self._ready_file.unlink()

    # ----------------------------------------------------------------------------------------------------------- the thread

    def _run(self) -> None:
        while not self._stopping:
            watched = self._watched
            if watched is None:
                self._turn()
                continue
            try:
                with Journal(journal_path(watched.folder), self._clock, create=False) as journal:
                    self._follow(watched, journal)
            except StateError as error:
                log.debug("the status cannot be told now", why=error.message)
                self._turn()

    def _follow(self, watched: _Watched, journal: Journal) -> None:
        """Keep the file up to date as long as the same agent is there."""
        told: tuple[object, ...] | None = None
        looked = self._clock.monotonic() - _LOOK_SECONDS
        while not self._stopping and self._watched is watched:
            if self._clock.monotonic() - looked >= _LOOK_SECONDS:
                looked = self._clock.monotonic()
                now = (journal.change_mark(), self._is_ready(), watched.is_failing())
                if now != told:
                    told = now
                    self._write(watched, journal)
            self._turn()

    def _turn(self) -> None:
        """Answer who asks, for a while or until woken."""
        if self._ending and self._ready:
            self._ready = False
            self._remove_ready_file()
        if self._responder is not None:
            self._responder.turn(self._wake_reader, _LOOK_SECONDS)
        woken = select.select([self._wake_reader], [], [], 0 if self._responder is not None else _LOOK_SECONDS)[0]
        if woken:
            os.read(self._wake_reader, _WAKES)

    # ---------------------------------------------------------------------------------------------------------------- telling

    def _is_ready(self) -> bool:
        return self._ready and not self._ending

    def _answer(self, path: str) -> Answer | None:
        watched = self._watched
        if path == "/healthz":
            failing = watched is not None and watched.is_failing()
            return Answer("a thread of the agent has failed\n", 503) if failing else Answer("ok\n")
        if path == "/readyz":
            return Answer("ready\n") if self._is_ready() else Answer("not ready\n", 503)
        try:
            if path == "/metrics":
                return Answer(self._metrics(watched), kind=CONTENT_TYPE)
            return self._status(watched) if path == "/status" else None
        except StateError as error:
            return Answer(f"{error}\n", 503)

    def _status(self, watched: _Watched | None) -> Answer:
        if watched is None:
            return Answer("nothing is watched now\n", 503)
        status = read_status(watched.folder, self._clock, limit=_LISTED)
        return Answer(dumps(finite(status_json(status))) + "\n", kind=JSON)

    def _metrics(self, watched: _Watched | None) -> str:
        figures: Figures | None = None
        snapshot_bytes = 0
        if watched is not None:
            with Journal(journal_path(watched.folder), self._clock, create=False) as journal:
                figures = journal.figures()
            snapshot_bytes = SnapshotStore(watched.folder / "snapshots").size_bytes()
        return prometheus.render(figures, ready=self._is_ready(), snapshot_bytes=snapshot_bytes, now=self._clock.now())

    def _write(self, watched: _Watched, journal: Journal) -> None:
        """Replace `status.json` in one step; a disk that is full, or a folder that is gone, is no reason to stop."""
        data = (dumps(finite(self._summary(watched, journal))) + "\n").encode("ascii")
        path = watched.folder / STATUS_FILE
        with self._writing:
            temporary = path.with_name(f".{STATUS_FILE}.tmp")
            try:
                temporary.write_bytes(data)
                temporary.replace(path)
            except OSError as error:
                log.debug("the status file cannot be written", path=path, why=error.strerror)

    def _summary(self, watched: _Watched, journal: Journal) -> JsonValue:
        figures = journal.figures()
        waiting = journal.fact("waiting")
        deliveries: dict[str, dict[str, int]] = {}
        for (sink, state), number in figures.deliveries.items():
            deliveries.setdefault(sink, {})[state] = number
        return {
            "modelwatch": modelwatch.__version__,
            "written": self._clock.now(),
            "address": self.address,
            "ready": self._is_ready(),
            "healthy": not watched.is_failing(),
            "agent": journal.fact("agent"),
            "waiting": None if waiting is None else waiting["why"],
            "checkpoints": dict(figures.checkpoints),
            "deliveries": deliveries,
            "oldest_undelivered": figures.waiting_since,
            "last_success": figures.last_success,
            "last_error": figures.last_error or None,
            "snapshot_bytes": SnapshotStore(watched.folder / "snapshots").size_bytes(),
        }


def _listen(address: Address) -> socket.socket | None:
    """Return a listening socket, or None, said once, when the address cannot be had: the training is not delayed for it."""
    listener = socket.socket(socket.AF_INET6 if ":" in address.host else socket.AF_INET, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address.host, address.port))
        listener.listen()
    except OSError as error:
        listener.close()
        tell = log.warning if address.asked_for else log.debug
        tell("no status over HTTP", address=address, why=error.strerror)
        return None
    return listener


def _name(listener: socket.socket) -> str:
    host, port, *_ = listener.getsockname()
    return str(Address(host, port))
