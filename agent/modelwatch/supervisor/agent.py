"""The agent's life as the supervisor sees it: started, started again when it crashes, given up on, ended."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from modelwatch.supervisor.ending import Ending
from modelwatch.supervisor.say import say
from modelwatch.supervisor.spawn import start_agent

_HOPELESS = frozenset({64, 78})
"""Exit codes of an agent that cannot work with its options, today or later: UsageError and ConfigError."""

FINISHED = frozenset({0, 75})
"""Exit codes of an agent that has done what it could: everything, or all but deliveries that must be tried later."""


@dataclass(frozen=True, slots=True)
class Restarts:
    """
    When a crashed agent is started again.

    Attributes:
        first_seconds: The wait after the first crash; it doubles with each further one.
        cap_seconds: The longest wait.
        give_up_after: How many crashes in a row are the last.
        healthy_seconds: An agent that ran so long begins a new row. Only time counts, not what it achieved: one that dies young each
            time costs the training the same CPU whether or not it registered something, and what the last one leaves is done by
            the agent of the end, which is started whatever happened before.
    """

    first_seconds: float = 0.5
    cap_seconds: float = 30.0
    give_up_after: int = 10
    healthy_seconds: float = 60.0

    def wait_seconds(self, crashes: int) -> float:
        """Return the wait after `crashes` crashes in a row (1 or more)."""
        return min(self.cap_seconds, self.first_seconds * 2.0 ** (crashes - 1))


class Agent:
    """
    The second child. Nothing that happens to it is ever the trainer's business.

    Args:
        command: What to execute; empty for no agent at all. See `Launch.agent`.

        environment: Its environment, the one that we were given.

        now: Monotonic seconds.

        restarts: When to start it again.

    Attributes:
        pid: Its process id, or None while it does not run.
        due: When it is to be started again, in monotonic seconds, or None.
        last: How it last ended, or None.
    """

    def __init__(
        self, command: Sequence[str], environment: Mapping[bytes, bytes], now: Callable[[], float], restarts: Restarts | None = None
    ) -> None:
        self.pid: int | None = None
        self.due: float | None = None
        self.last: Ending | None = None
        self._command = command
        self._environment = environment
        self._now = now
        self._restarts = restarts or Restarts()
        self._pipe: int | None = None
        self._line: bytes | None = None
        self._started = 0.0
        self._crashes = 0
        self._once_more = True

    def start(self) -> None:
        """Start it now, if there is to be one. A failure to do so counts as a crash."""
        self.due = None
        if not self._command:
            return
        self._started = self._now()
        reading, self._pipe = os.pipe()
        try:
            self.pid = start_agent(self._command, self._environment, reading)
        except OSError as error:
            self._lost(f"cannot be started: {error.strerror}")
        finally:
            os.close(reading)
        if self.pid is not None and self._line is not None:
            self._write(self._line)

    def tell(self, trainer: Ending) -> None:
        """
        Tell it that the training has ended.

        When it is down, or crashes from here on, it is started once more, whatever happened before, so that the last scan takes place.
        """
        self.due = None
        self._line = trainer.line()
        if self.pid is not None:
            self._write(self._line)
        else:
            self._start_once_more()

    def stop(self, number: int) -> None:
        """Send it a signal that ends it, if it runs; it is not started again."""
        self._once_more = False
        if self.pid is not None:
            os.kill(self.pid, number)

    def ended(self, ending: Ending) -> None:
        """Take note that it ended (and has been reaped), and when to start it again."""
        self.pid = None
        self.last = ending
        self._close_pipe()
        if self._line is None:
            self._lost(f"ended with {ending}")
        elif ending.exit_code not in FINISHED:
            self._start_once_more()

    def _start_once_more(self) -> None:
        if self._once_more and (self.last is None or self.last.exit_code not in _HOPELESS):
            self._once_more = False
            self.start()

    def _lost(self, what: str) -> None:
        """Decide when to start it again, and say so."""
        if self._now() - self._started >= self._restarts.healthy_seconds:
            self._crashes = 0
        self._crashes += 1
        self._close_pipe()
        if self._line is not None:
            say(f"the agent {what}")
        elif self.last is not None and self.last.exit_code in _HOPELESS:
            say(f"the agent cannot work with these options ({what}); the training goes on without it")
        elif self._crashes >= self._restarts.give_up_after:
            say(f"the agent {what}, {self._crashes} times in a row; the training goes on without it until its end")
        else:
            wait = self._restarts.wait_seconds(self._crashes)
            self.due = self._now() + wait
            say(f"the agent {what}; starting it again in {wait:g} s")

    def _write(self, line: bytes) -> None:
        """Write the one line that the pipe ever carries, shorter than PIPE_BUF: it cannot block."""
        if self._pipe is None:
            return
        try:
            os.write(self._pipe, line)
        except BrokenPipeError:
            return  # it is ending; waitpid will say so
        finally:
            self._close_pipe()

    def _close_pipe(self) -> None:
        if self._pipe is not None:
            os.close(self._pipe)
            self._pipe = None
