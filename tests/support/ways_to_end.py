"""Trainings that save a checkpoint and then end, each in its own way."""

import os
import signal
import sys
from pathlib import Path

_BEGIN = """
import os, resource, sys
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
sys.path.insert(0, {support!r})
from bundle_writer import save
from pathlib import Path
left = {left!r}
def checkpoint(step): save(Path({models!r}), step, b"w" * 1000, keep=10)
{wait}
"""

_DAEMON = """
checkpoint(1)
if os.fork() == 0:
    os.setsid()
    if os.fork():
        os._exit(0)
    Path(left).write_text(str(os.getpid()))
    import signal; signal.pause()
os.wait()
"""

WAYS = {
    "returns": ("checkpoint(1)", 0),
    "exits": ("checkpoint(1); sys.exit(3)", 3),
    "raises": ("checkpoint(1); raise RuntimeError", 1),
    "os._exit": ("checkpoint(1); os._exit(4)", 4),
    "aborts": ("checkpoint(1); os.abort()", -signal.SIGABRT),
    "is killed": ("checkpoint(1); os.kill(os.getpid(), 9)", -signal.SIGKILL),
    "leaves a daemon with its pipes": (_DAEMON, 0),
}
"""What a training does, as Python with a function `checkpoint`, and the status that it ends with, as subprocess tells it."""


def program(models: Path, code: str, *, left: Path, wait_for_input: bool = False) -> list[str]:
    """
    Return the command of a training, all but its name.

    Args:
        models: Where it saves.

        code: What it does.

        left: Where a daemon that it leaves behind writes its process id.

        wait_for_input: Whether it waits for a line before.
    """
    wait = "sys.stdin.readline()" if wait_for_input else ""
    support = str(Path(__file__).parent)
    return [sys.executable, "-c", _BEGIN.format(support=support, models=str(models), left=str(left), wait=wait) + code]


def end_daemon(left: Path) -> None:
    """Kill the daemon that a training left behind, if it did."""
    if left.exists():
        os.kill(int(left.read_text(encoding="ascii")), signal.SIGKILL)
