"""What processes cost, measured from outside."""

import os
import re
import time
from pathlib import Path


def cpu_seconds(pid: int) -> float:
    """Return the CPU time that a process has used, to the nanosecond, its threads that have ended among it."""
    return time.clock_gettime((~pid << 3) | 2)  # what clock_getcpuclockid(3) returns for it


def resident_mib(pid: int) -> float:
    """Return a process's resident memory."""
    return _of_status(pid, "VmRSS")


def peak_resident_mib(pid: int) -> float:
    """Return the most resident memory that a process has had, or has had since `forget_peak`."""
    return _of_status(pid, "VmHWM")


def forget_peak(pid: int) -> None:
    """Begin anew to measure the most resident memory of a process."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")


def _of_status(pid: int, name: str) -> float:
    text = Path(f"/proc/{pid}/status").read_text()
    return int(re.search(rf"^{name}:\s+(\d+) kB", text, re.MULTILINE)[1]) / 1024


def load() -> str:
    """Return how busy the machine has been for the last minute, for a note beside what it may have disturbed."""
    return f"load {os.getloadavg()[0]:.1f}"
