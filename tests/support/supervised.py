"""Running a command under the supervisor alone, with a stand-in for the agent."""

import subprocess
import sys
from pathlib import Path

import modelwatch.supervisor
from modelwatch.supervisor.launch import Launch

SUPERVISOR = str(Path(modelwatch.supervisor.__file__).with_name("__main__.py"))
PRINT_SIGNALS = (sys.executable, "-I", str(Path(__file__).with_name("print_signals.py")))
LIMIT_SECONDS = 60.0
"""What no test may take: it ends those that hang."""


def shell_agent(script: str) -> tuple[str, ...]:
    """Return an agent that is a shell script: its ``$2`` is the descriptor on which it hears of the end."""
    return ("/bin/sh", "-c", script, "agent")


QUIET_AGENT = shell_agent('cat <&"$2" >/dev/null')
"""An agent that says nothing and ends when it is told of the trainer's end."""

ECHO_AGENT = shell_agent('cat <&"$2"')
"""An agent that repeats what it is told, on its standard output."""


def supervised(
    *command: str, agent=QUIET_AGENT, drain_seconds=20.0, straggler_seconds=5.0, mask=(), model_path="/models", signal_group=True
) -> list[str]:
    """Return the command line that runs `command` under the supervisor."""
    launch = Launch(model_path, drain_seconds, straggler_seconds, signal_group, tuple(mask), tuple(agent), tuple(command))
    return [sys.executable, "-I", "-S", SUPERVISOR, *launch.arguments()]


def run(arguments, **options) -> subprocess.CompletedProcess[bytes]:
    """Run to the end, with both outputs captured."""
    return subprocess.run(arguments, capture_output=True, check=False, timeout=LIMIT_SECONDS, **options)


def start(arguments, **options) -> subprocess.Popen[bytes]:
    """Start, with standard input and both outputs as pipes."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | options
    return subprocess.Popen(arguments, **pipes)
