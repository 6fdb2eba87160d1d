"""
Run a modelwatch command and kill it, with SIGKILL, at a named step.

    python killed_agent.py STEP COUNT ARGUMENTS…    dies when STEP is reached for the COUNT-th time
    python killed_agent.py --record FILE ARGUMENTS… dies never, and writes the names of the steps that it passed
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from pathlib import Path

from modelwatch.cli.main import main
from modelwatch.core import steps


def die_at(wanted: str, count: int) -> None:
    """Have this process killed when `wanted` is reached for the `count`-th time."""
    lock = threading.Lock()
    seen = 0

    def observe(name: str) -> None:
        nonlocal seen
        if name != wanted:
            return
        with lock:
            seen += 1
            if seen == count:
                os.kill(os.getpid(), signal.SIGKILL)

    steps.observer = observe


def record(names: dict[str, int]) -> None:
    """Count each step in `names`."""
    lock = threading.Lock()

    def observe(name: str) -> None:
        with lock:
            names[name] = names.get(name, 0) + 1

    steps.observer = observe


if __name__ == "__main__":
    if sys.argv[1] == "--record":
        counted: dict[str, int] = {}
        record(counted)
        code = main(sys.argv[3:])
        Path(sys.argv[2]).write_text("\n".join(f"{name} {count}" for name, count in sorted(counted.items())), encoding="utf-8")
    else:
        die_at(sys.argv[1], int(sys.argv[2]))
        code = main(sys.argv[3:])
    sys.exit(code)
