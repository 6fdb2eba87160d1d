"""
Prometheus' text format, version 0.0.4, and the figures of this process.

Names and units follow https://prometheus.io/docs/practices/naming/ and, for the process, what every client library calls them.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

Sample = tuple[Mapping[str, str], float]
"""(labels, value)."""


def family(name: str, kind: str, meaning: str, samples: Iterable[Sample]) -> str:
    """Return the lines of one ``gauge`` or ``counter``; nothing when there are no samples."""
    return _lines(name, kind, meaning, [_line(name, labels, value) for labels, value in samples])


def histogram(name: str, meaning: str, samples: Iterable[tuple[Mapping[str, str], Mapping[float, int], float]]) -> str:
    """
    Return the lines of one histogram; nothing when there are no samples.

    Args:
        name: Without ``_bucket``, ``_sum`` and ``_count``.

        meaning: For people.

        samples: (labels, upper bound → how many were not above it, the last bound being infinite; the sum of all).
    """
    lines: list[str] = []
    for labels, buckets, total in samples:
        bounds = sorted(buckets)
        lines += [_line(f"{name}_bucket", {**labels, "le": _bound(bound)}, buckets[bound]) for bound in bounds]
        lines += [_line(f"{name}_sum", labels, total), _line(f"{name}_count", labels, buckets[bounds[-1]])]
    return _lines(name, "histogram", meaning, lines)


def process_families() -> Iterator[str]:
    """Give the process's own figures, from proc(5); psutil would cost 1.6 MiB of what it measures."""
    yield family("process_cpu_seconds_total", "counter", "User and system CPU time.", [({}, time.process_time())])
    pages = _read("/proc/self/statm").split()
    if len(pages) > 1:
        size = os.sysconf("SC_PAGE_SIZE")
        yield family("process_resident_memory_bytes", "gauge", "Resident memory.", [({}, int(pages[1]) * size)])
        yield family("process_virtual_memory_bytes", "gauge", "Virtual memory.", [({}, int(pages[0]) * size)])
    stat = _read("/proc/self/stat").rpartition(")")[2].split()
    if len(stat) > 19:
        booted = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)
        started = booted + int(stat[19]) / os.sysconf("SC_CLK_TCK")
        yield family("process_start_time_seconds", "gauge", "When the process was started.", [({}, started)])


def _read(path: str) -> str:
    try:
        return Path(path).read_text("ascii", "replace")
    except OSError:
        return ""


def _bound(value: float) -> str:
    return "+Inf" if math.isinf(value) else f"{value:g}"


def _lines(name: str, kind: str, meaning: str, lines: list[str]) -> str:
    return "\n".join([f"# HELP {name} {meaning}", f"# TYPE {name} {kind}", *lines]) + "\n" if lines else ""


def _line(name: str, labels: Mapping[str, str], value: float) -> str:
    inner = ",".join(f'{label}="{_escaped(text)}"' for label, text in labels.items())
    return f"{name}{f'{{{inner}}}' if inner else ''} {value!r}"


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
