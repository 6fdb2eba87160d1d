"""
Ending a process in which a thread cannot be ended.

A thread that waits for a mount that does not answer is in the kernel, and Python ends no process before its last thread. What such a
process leaves is what a killed one leaves: nothing that was journalled is lost.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from functools import partial

from modelwatch.core.clock import Clock
from modelwatch.core.threads import Worker

_UNFINISHED = 75
"""As `TransientError.exit_code`: something is left, and can be done later."""


class LastResort:
    """
    Ends this process when its orderly end takes too long.

    Args:
        clock: For the wait.

        say: Called before with a line for people. It must not wait for anything, as a log on that mount would.

        command: What finishes the work later.
    """

    def __init__(self, clock: Clock, say: Callable[[str], None], command: str) -> None:
        self._clock = clock
        self._say = say
        self._command = command
        self._over = threading.Event()
        self._waiting: list[Worker] = []

    def arm(self, seconds: float) -> None:
        """End this process `seconds` from now, unless `disarm` is called before. The earliest of several counts. One thread at a time."""
        worker = Worker("last-resort", partial(self._wait, seconds), lambda: None)
        self._waiting.append(worker)
        worker.start()

    def disarm(self) -> None:
        """Let it be: the orderly end is there."""
        self._over.set()
        for worker in self._waiting:
            worker.join()

    def _wait(self, seconds: float) -> None:
        if not self._clock.wait(self._over, seconds):
            self._say(
                f"a disk or a mount does not answer: ending without it; what is left is kept, and `{self._command}` finishes it"
            )
            os._exit(_UNFINISHED)
