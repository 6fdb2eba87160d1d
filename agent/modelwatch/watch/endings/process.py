"""
Processes whose end is the end of training, seen in a shared PID namespace.

What counts:

- an id: that process. One that is not there at the first look has ended already.
- a command line: those that match when the first match is seen. A match whose parent, or parent's parent, matches too belongs to it: a shell
  and its child, a trainer and its data loaders. What a trainer leaves behind when it ends, daemonised, is not waited for, and neither is
  what starts later: name the script that starts several trainings one after the other.
- ``others``: the first process of each other container, whose parent is outside of the namespace, whenever it starts, as long as one of
  them is there. Not the container that only holds the namespace, and not what is executed in our own container, as probes are.

A training may be over before anybody could see it. So one that has not been seen for a time, while nothing was written either, counts as over;
an end marker or an exit code file beside this says so at once.
"""

from __future__ import annotations

import os
import re
import select
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from modelwatch.config.wait_for import WaitFor
from modelwatch.core import log
from modelwatch.core.clock import Clock
from modelwatch.watch.endings.process_table import Process, ProcessTable

_NAMESPACE_HOLDERS = frozenset({"pause", "pod", "catatonit", "podman-pause"})
"""The first process of what container engines start to hold a pod's namespaces: Kubernetes, CRI-O, Podman."""

_OWN_OPTIONS = ("--waitFor", "--wait-for")
"""A command line with one of these is another sidecar's, however well it matches."""

_TIMES_ITS_COST = 500
"""The table is read again after this many times what that took: 0.2 % of a core, however many processes there are."""

_LONGEST_PAUSE_SECONDS = 5.0
"""Between two readings of the table, whatever they cost."""


@dataclass(slots=True)
class _Wanted:
    """
    What one `--waitFor` has come to.

    Attributes:
        choice: What was asked for.
        seen: Whether any of it was seen.
        running: Those that have not ended, by id, each with its pidfd, or None where the kernel has none to give.
        ended: Why nothing more is waited for, or None.
    """

    choice: WaitFor
    seen: bool = False
    running: dict[int, tuple[Process, int | None]] = field(default_factory=dict)
    ended: str | None = None


class Processes:
    """
    Waits until all the processes that were asked for have ended.

    Args:
        choices: What to wait for; all of it must have ended.

        unseen_seconds: How long something may be unseen while nothing is written.

        quiet_seconds: Returns how long nothing has been written.

        clock: For durations.

        table: The processes.
    """

    def __init__(
        self,
        choices: Sequence[WaitFor],
        unseen_seconds: float,
        quiet_seconds: Callable[[], float],
        clock: Clock,
        table: ProcessTable | None = None,
    ) -> None:
        self._wanted = [_Wanted(choice) for choice in choices]
        self._unseen_seconds = unseen_seconds
        self._quiet_seconds = quiet_seconds
        self._clock = clock
        self._table = table or ProcessTable()
        self._started = self._due = clock.monotonic()

    def look(self) -> str | None:
        """Return that all have ended, or None."""
        before = self._clock.monotonic()
        due = before >= self._due
        for wanted in self._wanted:
            if wanted.ended is None:
                self._follow(wanted, due=due)
        if due:
            after = self._clock.monotonic()
            self._due = after + min(_LONGEST_PAUSE_SECONDS, (after - before) * _TIMES_ITS_COST)
        reasons = [wanted.ended for wanted in self._wanted if wanted.ended is not None]
        return "; ".join(reasons) if len(reasons) == len(self._wanted) else None

    def descriptors(self) -> Collection[int]:
        """Return the pidfds of those that run."""
        return [pidfd for wanted in self._wanted for _, pidfd in wanted.running.values() if pidfd is not None]

    def close(self) -> None:
        """Let go of them."""
        for wanted in self._wanted:
            for pid in tuple(wanted.running):
                _let_go(wanted, pid)

    def _follow(self, wanted: _Wanted, *, due: bool) -> None:
        """Find out which of the processes run now."""
        for pid, (process, pidfd) in tuple(wanted.running.items()):
            if self._has_ended(process, pidfd):
                _let_go(wanted, pid)
        for process in self._found(wanted, due=due):
            if process.pid not in wanted.running:
                self._hold(wanted, process)
        if not wanted.running:
            wanted.ended = self._verdict(wanted, due=due)

    def _verdict(self, wanted: _Wanted, *, due: bool) -> str | None:
        """Return why nothing more is waited for when none of the processes runs, or None when they may still come."""
        choice = wanted.choice
        if wanted.seen:
            return f"{choice} has ended" if choice.pid is None else f"process {choice} has ended"
        if choice.pid is not None:
            return f"process {choice} has ended before it was seen"
        if not due or min(self._clock.monotonic() - self._started, self._quiet_seconds()) < self._unseen_seconds:
            return None
        reason = f"no process of {choice} was seen and nothing was written for {self._unseen_seconds:g} s"
        log.warning(f"{reason}: taken as ended", hint="see --waitFor and --startTimeout")
        return reason

    # -------------------------------------------------------------------------------------------------------------- which

    def _found(self, wanted: _Wanted, *, due: bool) -> Iterable[Process]:
        """Return processes that count and that run now; nothing when those that were seen are all that count, or the table is not due."""
        choice = wanted.choice
        if choice.pid is not None:
            process = None if wanted.seen else self._table.get(choice.pid)
            return () if process is None or process.ended else (process,)
        over = wanted.seen and not wanted.running
        if choice.pattern is not None:
            return () if wanted.seen or not due else self._matching(choice.pattern, self._table.read())
        return self._others(self._table.read()) if due or over else ()

    def _others(self, table: Mapping[int, Process]) -> list[Process]:
        lineage = _lineage(os.getpid(), table)
        return [
            process
            for process in table.values()
            if process.parent == 0
            and not process.ended
            and process.pid not in lineage
            and not (process.pid == 1 and process.name in _NAMESPACE_HOLDERS)
            and not self._table.is_beside_us(process.pid)
        ]

    def _matching(self, pattern: re.Pattern[str], table: Mapping[int, Process]) -> list[Process]:
        ours = _lineage(os.getpid(), table)
        matching = {pid for pid in table if pid not in ours and self._matches(pid, pattern)}
        return [table[pid] for pid in matching if matching.isdisjoint(_lineage(table[pid].parent, table))]

    def _matches(self, pid: int, pattern: re.Pattern[str]) -> bool:
        command = self._table.command_line(pid)
        return bool(command and pattern.search(command)) and not any(option in command for option in _OWN_OPTIONS)

    # -------------------------------------------------------------------------------------------------------------- holding

    def _hold(self, wanted: _Wanted, process: Process) -> None:
        """Follow a process from now on, unless it has ended meanwhile."""
        wanted.seen = True
        pidfd = _open(process.pid)
        if self._has_ended(process, None):  # after opening: the id may be another process's by now
            _close(pidfd)
        else:
            wanted.running[process.pid] = (process, pidfd)
            log.debug("waiting for a process", pid=process.pid, command=self._table.command_line(process.pid))

    def _has_ended(self, process: Process, pidfd: int | None) -> bool:
        if pidfd is not None:
            poll = select.poll()
            poll.register(pidfd, select.POLLIN)
            return bool(poll.poll(0))
        now = self._table.get(process.pid)
        return now is None or now.ended or now.started != process.started


def _lineage(pid: int, table: Mapping[int, Process]) -> set[int]:
    """Return the ids of a process and those above it."""
    lineage: set[int] = set()
    while pid in table and pid not in lineage:
        lineage.add(pid)
        pid = table[pid].parent
    return lineage


def _let_go(wanted: _Wanted, pid: int) -> None:
    _, pidfd = wanted.running.pop(pid)
    _close(pidfd)


def _open(pid: int) -> int | None:
    """Return a pidfd (pidfd_open(2), Linux 5.3), or None where there is none: the process table then tells, a little later."""
    try:
        return os.pidfd_open(pid)
    except OSError:
        return None


def _close(pidfd: int | None) -> None:
    if pidfd is not None:
        os.close(pidfd)
