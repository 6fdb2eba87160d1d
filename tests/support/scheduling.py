"""How long threads waited for a core behind others: from the kernel's scheduler events, exact where clocks of whole runs are lost in noise."""

import bisect
import contextlib
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

_TRACING = Path("/sys/kernel/tracing")
_BUFFER_KIB = 64 << 10  # for each core: a minute of a busy training
_SWITCH = re.compile(r"\[(\d+)\] .*? ([\d.]+): sched_switch: .*prev_pid=(\d+) .*prev_state=(\S+) ==> .*next_pid=(\d+)")
_WAKEUP = re.compile(r" ([\d.]+): sched_wakeup: .*\bpid=(\d+)")


@contextlib.contextmanager
def scheduler_events() -> Iterator[Path | None]:
    """Let the kernel write down which thread runs when; give the file to read that from, None where it does not let us (root may)."""
    instance = _TRACING / "instances" / "modelwatch-bench"
    try:
        instance.mkdir()
    except OSError:
        yield None
        return
    try:
        (instance / "buffer_size_kb").write_text(str(_BUFFER_KIB))
        for event in ("sched_switch", "sched_wakeup"):
            (instance / "events" / "sched" / event / "enable").write_text("1")
        yield instance / "trace"
    finally:
        instance.rmdir()


def waited_behind(lines: Iterable[str], waiting: set[int], behind: set[int]) -> float:
    """
    Return for how many seconds at least one of some threads could have run and waited for a core on which one of others ran.

    That is the most by which the others' use of the cores can have delayed the whole.

    Args:
        lines: Of the trace.

        waiting: Thread ids of those that wait.

        behind: Thread ids of the others.
    """
    ran: dict[int, list[tuple[float, float]]] = defaultdict(list)  # by core, in order
    running: dict[int, float] = {}
    ready: dict[int, float] = {}
    waits: list[tuple[float, float, int]] = []
    for line in lines:
        if found := _SWITCH.search(line):
            core, now, before, state, after = int(found[1]), float(found[2]), int(found[3]), found[4], int(found[5])
            if before in behind and core in running:
                ran[core].append((running.pop(core), now))
            if after in behind:
                running[core] = now
            if before in waiting and state.startswith("R"):
                ready[before] = now
            if after in ready:
                waits.append((ready.pop(after), now, core))
        elif (found := _WAKEUP.search(line)) and int(found[2]) in waiting:
            ready[int(found[2])] = float(found[1])
    return _length(_shared(waits, ran))


def _shared(waits: list[tuple[float, float, int]], ran: dict[int, list[tuple[float, float]]]) -> Iterator[tuple[float, float]]:
    """Give the parts of the waits in which their core was taken."""
    for begin, end, core in waits:
        stints = ran[core]
        for number in range(max(0, bisect.bisect_left(stints, (begin, 0.0)) - 1), len(stints)):
            if stints[number][0] >= end:
                break
            shared = max(begin, stints[number][0]), min(end, stints[number][1])
            if shared[0] < shared[1]:
                yield shared


def _length(parts: Iterable[tuple[float, float]]) -> float:
    """Return how much time is in at least one of some intervals."""
    total, covered = 0.0, float("-inf")
    for begin, end in sorted(parts):
        total += max(0.0, end - max(begin, covered))
        covered = max(covered, end)
    return total
