"""The agent's start, memory and CPU beside 400 event files; rotation captured; complete-to-registered latency."""

from __future__ import annotations

import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from row import Row

SUPPORT = Path(__file__).parents[1] / "support"
sys.path.insert(0, str(SUPPORT))

from bundle_writer import save  # noqa: E402 - found in the folder above

from modelwatch.testing.event_writer import EventWriter  # noqa: E402 - after the standard library's and ours

_TICKS = os.sysconf("SC_CLK_TCK")
_SAVES = 200
_STEADY_SECONDS = 30.0


def rows() -> Iterator[Row]:
    """Give the rows as they are measured."""
    yield from _steady()
    yield _rotation()
    yield _latency()


@contextlib.contextmanager
def agent(root: Path, *options: str) -> Iterator[subprocess.Popen[str]]:
    """Run `modelwatch watch` over `root`/run until the block ends."""
    command = [
        sys.executable,
        "-m",
        "modelwatch",
        "watch",
        "--modelPath",
        str(root / "run"),
        "--repository",
        str(root / "repository"),
    ]
    command += ["--modelName", "bench", "--logLevel", "info", *options]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.terminate()
        process.communicate(timeout=120)


def status(root: Path) -> dict[str, object]:
    """Return `modelwatch status --json`."""
    command = [sys.executable, "-m", "modelwatch", "status", "--modelPath", str(root / "run"), "--json"]
    return json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def wait_for(condition, seconds: float = 60.0) -> float:
    """Wait until `condition` holds; return the seconds that it took."""
    start = time.monotonic()
    while not condition():
        if time.monotonic() - start > seconds:
            raise TimeoutError
        time.sleep(0.002)
    return time.monotonic() - start


def resident_mib(pid: int) -> float:
    """Return a process's resident memory."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGESIZE") / 2**20


def cpu_seconds(pid: int) -> float:
    """Return the CPU time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def watching(root: Path) -> bool:
    """Return whether the agent of `root` has done its first scan."""
    journal = root / "run" / ".modelwatch" / "journal.sqlite3"
    if not journal.exists():
        return False
    import sqlite3

    try:
        with contextlib.closing(sqlite3.connect(f"file:{journal}?mode=ro", uri=True)) as connection:
            row = connection.execute("SELECT value FROM facts WHERE name = 'agent'").fetchone()
    except sqlite3.OperationalError:
        return False
    return row is not None and json.loads(row[0])["state"] == "WATCHING"


def _steady() -> Iterator[Row]:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for number in range(200):
            for split in ("train", "eval"):
                run = root / "run" / f"run-{number:03d}" / split
                run.mkdir(parents=True)
                writer = EventWriter(run / "events.out.tfevents.1700000000.host", 1_700_000_000.0)
                for step in range(320):
                    writer.scalars(1_700_000_000.0 + step, step, loss=1.0 / (step + 1))
        save(root / "run", 1, os.urandom(2_000_000))
        start = time.monotonic()
        with agent(root) as process:
            wait_for(lambda: watching(root))
            seconds = time.monotonic() - start
            note = f"includes Python's start; {cpu_seconds(process.pid):.2f} s of CPU"
            yield _within("agent: start to first scan done, 400 event files", seconds, "s", 0.3, note)
            time.sleep(10.0)
            before = cpu_seconds(process.pid)
            time.sleep(_STEADY_SECONDS)
            share = (cpu_seconds(process.pid) - before) / _STEADY_SECONDS * 100
            yield _within(
                "agent: memory in steady state, 400 event files", resident_mib(process.pid), "MiB", 40, "resident set size"
            )
            yield _within("agent: CPU in steady state, 400 event files", share, "% core", 0.5, f"over {_STEADY_SECONDS:.0f} s")


def _rotation() -> Row:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "run").mkdir()
        with agent(root) as process:
            wait_for(lambda: watching(root))
            trainer = subprocess.Popen(
                [sys.executable, str(SUPPORT / "rotating_trainer.py"), str(root / "run"), str(_SAVES), "2000000", "4"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            started = time.monotonic()
            trainer.communicate("go\n", timeout=60)
            seconds = time.monotonic() - started
            process.terminate()
            process.communicate(timeout=120)
        shown = status(root)
        steps = {row["step"] for row in shown["checkpoints"] if row["state"] == "JOURNALLED"}
        note = f"max_to_keep=1, 2 MB each, saved in {seconds:.2f} s"
        return Row("rotation: captured of 200 saves, 4 ms apart", len(steps), "of 200", "= 200", len(steps) == _SAVES, note)


def _latency() -> Row:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "run").mkdir()
        versions = root / "repository" / "models" / "default" / "bench" / "versions"
        delays = []
        with agent(root, "--settleTime", "0"):
            wait_for(lambda: watching(root))
            for step in range(1, 31):
                save(root / "run", step, os.urandom(4_000_000), keep=100)
                wanted = versions / f"{step:08d}.json"
                delays.append(wait_for(wanted.exists))
        value = statistics.median(delays) * 1000
        note = f"settleTime 0, p95 {sorted(delays)[-2] * 1000:.0f} ms, 4 MB, 30 saves"
        return _within("complete on disk to registered, p50", value, "ms", 60, note)


def _within(name: str, value: float, unit: str, budget: float, note: str) -> Row:
    return Row(name, value, unit, f"≤ {budget:g}", value <= budget, note)
