"""Named threads whose unexpected end stops the program instead of passing unnoticed."""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable

from modelwatch.core import log
from modelwatch.core.deadline import Deadline
from modelwatch.core.errors import ModelwatchError


class Worker:
    """
    One thread of the agent or of the server. Not a daemon thread: the program ends by ending each.

    Args:
        name: Shown by `ps -T`, debuggers and error messages.

        target: The thread's work; returns when it has been asked to stop.

        on_failure: Called in the thread when the work raised.
    """

    def __init__(self, name: str, target: Callable[[], None], on_failure: Callable[[], None]) -> None:
        self.name = name
        self.error: BaseException | None = None
        self._target = target
        self._on_failure = on_failure
        self._thread = threading.Thread(target=self._run, name=f"modelwatch-{name}", daemon=False)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def join(self, deadline: Deadline | None = None) -> bool:
        """Wait for the thread's end, at most until `deadline`; return whether it has ended."""
        if self._thread.ident is not None:
            self._thread.join(None if deadline is None else deadline.remaining_seconds())
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            self._target()
        except Exception as error:  # noqa: BLE001 - the thread's top: the error is kept, shown and stops the program
            self.error = error
            hint = error.hint if isinstance(error, ModelwatchError) else ""
            log.error(f"the {self.name} thread failed", why=error, hint=hint)
            if not isinstance(error, ModelwatchError):
                log.debug("".join(traceback.format_exception(error)))
            self._on_failure()
