"""The thread that an ending waits in: how it is started, told to stop, and what becomes of an error in it."""

from __future__ import annotations

import os
import threading
import traceback
from abc import ABC, abstractmethod
from collections.abc import Callable

from modelwatch.core import log


class ThreadedEnding(ABC):
    """An `Ending` that waits in a thread of its own. What differs is what it waits for, and what it lets go of at the end."""

    def __init__(self) -> None:
        self._stop_reader, self._stop_writer = os.pipe()
        self._thread: threading.Thread | None = None
        self._closed = False

    @abstractmethod
    def _wait(self, stop: int) -> str | None:
        """Return why training has ended, for people, or None soon after the descriptor `stop` has become readable. In the thread."""

    @abstractmethod
    def _let_go(self) -> None:
        """Let go of what is open. Called once; the thread has ended, or was never started."""

    def start(self, on_end: Callable[[str], None]) -> None:
        """Begin to wait. As `Ending.start`."""
        self._thread = threading.Thread(target=self._run, args=(on_end,), name="modelwatch-ending", daemon=False)
        self._thread.start()

    def close(self) -> None:
        """Stop waiting. As `Ending.close`."""
        if self._closed:
            return
        self._closed = True
        os.close(self._stop_writer)
        if self._thread is not None:
            self._thread.join()
        os.close(self._stop_reader)
        self._let_go()

    def _run(self, on_end: Callable[[str], None]) -> None:
        try:
            reason = self._wait(self._stop_reader)
        except Exception as error:  # noqa: BLE001 - the thread's top: an agent that cannot see the end any more must not stay for ever
            log.error("cannot look for the training's end any more", why=error)
            log.debug("".join(traceback.format_exception(error)))
            reason = f"the training's end could not be looked for: {error}"
        if reason is not None:
            on_end(reason)
