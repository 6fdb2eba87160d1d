"""
Modelwatch commands killed with SIGKILL at named steps, many a second.

`Agents` starts this file as a program that imports modelwatch once and then forks for each command it is asked for: most of a short
command's time is spent in importing.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import traceback
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from modelwatch.cli.main import main
from modelwatch.core import steps


@dataclass(frozen=True, slots=True)
class Ended:
    """
    How a command ended.

    Attributes:
        returncode: As subprocess gives it: negative for a signal.
        passed: How often it passed each step, as far as it was not killed.
        output: What it printed, errors included.
    """

    returncode: int
    passed: Counter[str]
    output: str


class Agents:
    """
    Runs commands, one after the other. A context manager.

    Args:
        scratch: A folder of its own.
    """

    def __init__(self, scratch: Path) -> None:
        self._output, self._passed = scratch / "output", scratch / "passed"
        self._server = subprocess.Popen([sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._server.communicate(timeout=60)

    def run(self, arguments: Sequence[str], *, die_at: str = "", occurrence: int = 1) -> Ended:
        """Run a command to its end; `die_at` names the step at whose passing number `occurrence` it is killed."""
        self._passed.unlink(missing_ok=True)
        request = {
            "arguments": list(arguments),
            "die_at": die_at,
            "occurrence": occurrence,
            "output": str(self._output),
            "passed": str(self._passed),
        }
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        print(json.dumps(request), file=self._server.stdin, flush=True)
        status = int(self._server.stdout.readline())
        passed = json.loads(self._passed.read_text(encoding="utf-8")) if self._passed.exists() else {}
        return Ended(os.waitstatus_to_exitcode(status), Counter(passed), self._output.read_text(encoding="utf-8"))


def _serve() -> None:
    main(["watch", "--help"])  # imports what the command needs
    for line in sys.stdin:
        request = json.loads(line)
        pid = os.fork()
        if pid == 0:
            _child(**request)
        _, status = os.waitpid(pid, 0)
        _reply(str(status))


def _child(arguments: list[str], die_at: str, occurrence: int, output: str, passed: str) -> None:
    """Run one command in this process, and end it."""
    descriptor = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    counted: Counter[str] = Counter()
    lock = threading.Lock()

    def observe(name: str) -> None:
        with lock:
            counted[name] += 1
            if name == die_at and counted[name] == occurrence:
                os.kill(os.getpid(), signal.SIGKILL)

    steps.observer = observe
    code = 70
    try:
        code = main(arguments)
    except BaseException:  # noqa: BLE001 - the top of this process: whatever it is, the test is told, and the server's loop is not entered
        traceback.print_exc()
    finally:
        Path(passed).write_text(json.dumps(counted), encoding="utf-8")
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _reply(line: str) -> None:
    os.write(_ANSWERS, f"{line}\n".encode("ascii"))


if __name__ == "__main__":
    _ANSWERS = os.dup(1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    _serve()
