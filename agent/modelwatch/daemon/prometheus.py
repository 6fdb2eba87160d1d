"""
The figures in Prometheus' text format, version 0.0.4.

Names and units follow https://prometheus.io/docs/practices/naming/ and, for the process, what every client library calls them.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

import modelwatch
from modelwatch.journal.figures import Figures
from modelwatch.journal.states import CandidateState, DeliveryState

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

Sample = tuple[Mapping[str, str], float]
"""(labels, value)."""


def render(figures: Figures | None, *, ready: bool, snapshot_bytes: int, now: float) -> str:
    """
    Return all metrics.

    Args:
        figures: Of the journal, or None while there is none; what they would tell is then absent.

        ready: Whether everything that becomes complete is seen.

        snapshot_bytes: What the snapshots hold.

        now: Seconds since the epoch.
    """
    families = [
        _family("modelwatch_build_info", "gauge", "The running version, as a label.", [({"version": modelwatch.__version__}, 1)]),
        _family("modelwatch_ready", "gauge", "Whether everything that becomes complete is seen.", [({}, int(ready))]),
        *_process(),
    ]
    if figures is not None:
        families += _journal(figures, snapshot_bytes, now)
    return "".join(families)


def _journal(figures: Figures, snapshot_bytes: int, now: float) -> Iterable[str]:
    checkpoints = [({"state": state.value}, figures.checkpoints.get(state.value, 0)) for state in CandidateState]
    yield _family("modelwatch_checkpoints", "gauge", "Checkpoints seen, by state.", checkpoints)
    deliveries = [
        ({"sink": sink, "state": state.value}, figures.deliveries.get((sink, state.value), 0))
        for sink in sorted({sink for sink, _ in figures.deliveries})
        for state in DeliveryState
    ]
    yield _family(
        "modelwatch_deliveries", "gauge", "Versions and amendments on their way to each repository, by state.", deliveries
    )
    yield _family("modelwatch_snapshot_bytes", "gauge", "Size of the snapshots of what is not delivered.", [({}, snapshot_bytes)])
    lag = 0.0 if figures.waiting_since is None else max(0.0, now - figures.waiting_since)
    yield _family("modelwatch_lag_seconds", "gauge", "Age of the oldest version that has not arrived everywhere.", [({}, lag)])
    success: list[Sample] = [({}, figures.last_success)] if figures.last_success is not None else []
    yield _family("modelwatch_last_success_timestamp_seconds", "gauge", "When something was last delivered.", success)


def _process() -> Iterable[str]:
    """Give the process's own figures, from proc(5); psutil would cost 1.6 MiB of what it measures."""
    yield _family("process_cpu_seconds_total", "counter", "User and system CPU time.", [({}, time.process_time())])
    pages = _read("/proc/self/statm").split()
    if len(pages) > 1:
        size = os.sysconf("SC_PAGE_SIZE")
        yield _family("process_resident_memory_bytes", "gauge", "Resident memory.", [({}, int(pages[1]) * size)])
        yield _family("process_virtual_memory_bytes", "gauge", "Virtual memory.", [({}, int(pages[0]) * size)])
    stat = _read("/proc/self/stat").rpartition(")")[2].split()
    if len(stat) > 19:
        booted = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)
        started = booted + int(stat[19]) / os.sysconf("SC_CLK_TCK")
        yield _family("process_start_time_seconds", "gauge", "When the process was started.", [({}, started)])


def _read(path: str) -> str:
    try:
        return Path(path).read_text("ascii", "replace")
    except OSError:
        return ""


def _family(name: str, kind: str, meaning: str, samples: Iterable[Sample]) -> str:
    lines = [f"# HELP {name} {meaning}", f"# TYPE {name} {kind}"]
    for labels, value in samples:
        inner = ",".join(f'{label}="{_escaped(text)}"' for label, text in labels.items())
        lines.append(f"{name}{f'{{{inner}}}' if inner else ''} {value!r}")
    return "\n".join(lines) + "\n" if len(lines) > 2 else ""


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
