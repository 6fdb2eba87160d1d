"""The processes that can be seen in this PID namespace, read from /proc (proc(5))."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_READ_BYTES = 64 << 10
"""Of a command line; the kernel allows megabytes."""

_ZOMBIE_STATES = frozenset("ZXx")


@dataclass(frozen=True, slots=True)
class Process:
    """
    One process.

    Attributes:
        pid: Its id.
        parent: Its parent's id; 0 when that is outside of the namespace, as for the first process of each container of a pod.
        started: In clock ticks since boot: an id with this is never another process's.
        name: Of the executable, cut to 15 bytes.
        ended: It is a zombie: nothing but its exit status is left.
    """

    pid: int
    parent: int
    started: int
    name: str
    ended: bool


class ProcessTable:
    """
    Reads /proc.

    Args:
        proc: Where it is mounted.
    """

    def __init__(self, proc: Path = Path("/proc")) -> None:
        self._proc = str(proc)

    def read(self) -> Mapping[int, Process]:
        """Return every process by its id. One that ends meanwhile may be missing."""
        with os.scandir(self._proc) as entries:
            pids = [int(entry.name) for entry in entries if entry.name.isascii() and entry.name.isdigit()]
        return {process.pid: process for pid in pids if (process := self.get(pid)) is not None}

    def get(self, pid: int) -> Process | None:
        """Return one process, or None when there is none with this id."""
        text = self._file(pid, "stat")
        before, _, after = text.rpartition(b")")  # the name may hold anything, brackets and spaces too
        fields = after.split()
        if len(fields) < 20:
            return None
        name = os.fsdecode(before.partition(b"(")[2])
        return Process(pid, int(fields[1]), int(fields[19]), name, fields[0].decode() in _ZOMBIE_STATES)

    def command_line(self, pid: int) -> str:
        """Return a process's arguments with spaces between them; empty for a kernel thread, a zombie, and what is gone."""
        return os.fsdecode(self._file(pid, "cmdline").rstrip(b"\0").replace(b"\0", b" "))

    def is_beside_us(self, pid: int) -> bool:
        """Return whether a process is known to be in our own container: it has our mount namespace, and we may know that."""
        try:
            theirs, ours = (Path(self._proc, str(which), "ns", "mnt").stat() for which in (pid, "self"))
        except OSError:
            return False  # of another user, as those of other containers often are
        return (theirs.st_dev, theirs.st_ino) == (ours.st_dev, ours.st_ino)

    def _file(self, pid: int, name: str) -> bytes:
        try:
            descriptor = os.open(f"{self._proc}/{pid}/{name}", os.O_RDONLY | os.O_CLOEXEC)
            try:
                return os.read(descriptor, _READ_BYTES)
            finally:
                os.close(descriptor)
        except OSError:
            return b""
