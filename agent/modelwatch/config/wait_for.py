"""What `--waitFor` names: the processes whose end is the end of training."""

from __future__ import annotations

import re
from dataclasses import dataclass

OTHERS = "others"
_LARGEST_PID = 1 << 22
"""PID_MAX_LIMIT of linux/threads.h."""


@dataclass(frozen=True, slots=True)
class WaitFor:
    """
    One choice of processes.

    Attributes:
        text: As it was written.
        pid: The process with this id, or None.
        pattern: The processes whose command line it is found in, or None; with neither, the first processes of the pod's other containers.
    """

    text: str
    pid: int | None = None
    pattern: re.Pattern[str] | None = None

    def __str__(self) -> str:
        return self.text


def wait_for(text: str) -> WaitFor:
    """Return what a text names: ``others``, a process id, ``/a regular expression/`` or a part of a command line."""
    wanted = text.strip()
    if not wanted or not wanted.isprintable():
        raise ValueError("must be others, a process id, or a part of a command line")
    if wanted == OTHERS:
        return WaitFor(wanted)
    if wanted.isascii() and wanted.isdigit():
        pid = int(wanted) if len(wanted) < 10 else 0
        if not 1 < pid <= _LARGEST_PID:
            raise ValueError("is not the id of a process that can be waited for")
        return WaitFor(wanted, pid=pid)
    if len(wanted) > 2 and wanted[0] == wanted[-1] == "/":
        try:
            return WaitFor(wanted, pattern=re.compile(wanted[1:-1]))
        except re.error as error:
            raise ValueError(f"is not a regular expression: {error}") from error
    return WaitFor(wanted, pattern=re.compile(re.escape(wanted)))
