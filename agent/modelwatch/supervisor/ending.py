"""How the trainer ended, and how to end in the same way."""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass
from typing import NoReturn

from modelwatch.supervisor.linux import forbid_core_dump

OWN_FAILURE = 125
"""Exit code for a failure of our own before the trainer started, as env(1), timeout(1) and `docker run` use it."""
NOT_EXECUTABLE = 126
"""Exit code when the trainer's command exists but cannot be run, as every shell uses it."""
NOT_FOUND = 127
"""Exit code when the trainer's command does not exist, as every shell uses it."""


@dataclass(frozen=True, slots=True)
class Ending:
    """
    How a process ended.

    Attributes:
        exit_code: What it returned, or None when a signal ended it.
        signal: The signal that ended it, or None when it returned.
    """

    exit_code: int | None
    signal: int | None

    @classmethod
    def from_wait_status(cls, status: int) -> Ending:
        """Return what a status of waitpid(2) says of a process that has ended."""
        if os.WIFSIGNALED(status):
            return cls(None, os.WTERMSIG(status))
        return cls(os.WEXITSTATUS(status), None)

    def __str__(self) -> str:
        return f"exit code {self.exit_code}" if self.signal is None else f"signal {self.signal}"

    def line(self) -> bytes:
        """Return the line that tells the agent of this ending of the trainer."""
        code, number = ("null" if value is None else str(value) for value in (self.exit_code, self.signal))
        return f'{{"event":"trainer-ended","exit_code":{code},"signal":{number}}}\n'.encode("ascii")


def end_like(ending: Ending) -> NoReturn:
    """
    End this process so that its parent sees what it would have seen of the trainer.

    A trainer that a signal ended is imitated with the same signal, for the callers that ask how rather than with what. The kernel
    protects PID 1 from its own signals; there, and for a signal that would not end us, the code is 128 + n.
    """
    if ending.signal is None:
        os._exit(ending.exit_code or 0)
    if os.getpid() != 1:
        forbid_core_dump()
        if ending.signal in signal.valid_signals() - {signal.SIGKILL}:  # not the two of the C library's own
            signal.signal(ending.signal, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {ending.signal})
        os.kill(os.getpid(), ending.signal)
    os._exit(128 + ending.signal)
