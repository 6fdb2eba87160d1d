"""
Reading event files: ours against TensorBoard's EventAccumulator, on the same generated files, each reader in a fresh process.

`rows` gives CPU seconds of reading (not of importing), peak resident memory and the ratio for each set, then what a poll costs when
nothing is new. The environment variable ``MODELWATCH_BENCH_PEER`` names an interpreter with TensorFlow to run TensorBoard's reader:
it checks checksums in C++ there, and in Python where TensorFlow is missing, which is what the default measures.
"""

from __future__ import annotations

import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from row import Row

from modelwatch.scalars.logdir import LogDirectories
from modelwatch.testing import event_writer as w

FILE = "events.out.tfevents.1700000000.host"
TAGS = [f"train/metric_{number}" for number in range(10)]
STARTED = 1.7e9
SCALARS = 1_000_000


def write(path: Path, events: Iterator[bytes]) -> None:
    """Write an event file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.write(w.record(w.event(STARTED, 0, rest=w.file_version())))
        for event in events:
            file.write(w.record(event))


def tensors(steps: int) -> Iterator[bytes]:
    """Give what ``tf.summary.scalar`` writes: ten tags, a record for each value, metadata in each record."""
    draw = random.Random(1)
    return (w.event(STARTED + step, step, [w.scalar(tag, draw.random())]) for step in range(steps) for tag in TAGS)


def simple_values(steps: int) -> Iterator[bytes]:
    """Give what TensorFlow 1's FileWriter writes: five values in a record."""
    draw = random.Random(2)
    return (w.event(STARTED + step, step, [w.simple(tag, draw.random()) for tag in TAGS[:5]]) for step in range(steps))


def single_simple_values(steps: int) -> Iterator[bytes]:
    """Give what PyTorch writes: five tags, a record for each value."""
    draw = random.Random(3)
    return (w.event(STARTED + step, step, [w.simple(tag, draw.random())]) for step in range(steps) for tag in TAGS[:5])


def images(steps: int) -> Iterator[bytes]:
    """Give what a generator's training writes: four tags, and at every tenth step five histograms and an image of 150 KB."""
    draw = random.Random(4)
    for step in range(steps):
        for tag in TAGS[:4]:
            yield w.event(STARTED + step, step, [w.scalar(tag, draw.random())])
        if step % 10 == 0:
            yield w.event(STARTED + step, step, [w.histogram(f"weights_{number}", 800) for number in range(5)])
            yield w.event(STARTED + step, step, [w.image("samples", 150_000)])


def make(root: Path, scalars: int) -> dict[str, tuple[Path, float]]:
    """Write all sets and return where they are and the least ratio to keep, by name."""
    write(root / "tensors" / FILE, tensors(scalars // 10))
    write(root / "simple" / FILE, simple_values(scalars // 5))
    write(root / "single" / FILE, single_simple_values(scalars // 5))
    write(root / "images" / FILE, images(scalars // 80))
    for run in range(200):
        write(root / "many" / f"run{run}" / "train" / FILE, tensors(60 * scalars // 1_000_000))
        write(root / "many" / f"run{run}" / "eval" / FILE, tensors(4 * scalars // 1_000_000))
    return {
        "1M scalars, TF2 tensors": (root / "tensors", 10.0),
        "1M scalars, TF1 simple values": (root / "simple", 10.0),
        "1M scalars, PyTorch": (root / "single", 10.0),
        "images and histograms": (root / "images", 20.0),
        "400 files": (root / "many", 5.0),
    }


# --------------------------------------------------------------------------------------------------- one reader, in a process


def read_ours(root: Path) -> int:
    """Read with ours and return the number of points."""
    logs = LogDirectories([str(root)])
    logs.poll()
    with logs.view() as runs:
        return sum(run.count(tag) for run in runs for tag in run.tags())


READ_TENSORBOARD = """
import resource, sys, time, pathlib
from tensorboard.backend.event_processing import event_accumulator, tag_types
from tensorboard.compat import tf
tf.io
began = time.process_time()
count = 0
for directory in sorted({path.parent for path in pathlib.Path(sys.argv[1]).rglob("*tfevents*")}):
    one = event_accumulator.EventAccumulator(str(directory), size_guidance={tag_types.TENSORS: 0, "scalars": 0, "images": 1, "histograms": 1})
    one.Reload()
    tags = one.Tags()
    count += sum(len(one.Scalars(tag)) for tag in tags["scalars"])
    count += sum(len(one.Tensors(tag)) for tag in tags["tensors"] if one.SummaryMetadata(tag).plugin_data.plugin_name == "scalars")
print(count, time.process_time() - began, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def measured(command: list[str]) -> tuple[int, float, float]:
    """Run a reader and return its points, its CPU seconds and its peak MiB."""
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    return int(output[-3]), float(output[-2]), int(output[-1]) / 1024


def compare(name: str, root: Path, budget: float) -> Iterator[Row]:
    """Give time and memory of a set. The better of two runs counts for us, and the one run for the peer: it is long enough."""
    peer = os.environ.get("MODELWATCH_BENCH_PEER", sys.executable)
    points, ours, memory = min((measured([sys.executable, __file__, str(root)]) for _ in range(2)), key=lambda row: row[1])
    theirs_points, theirs, theirs_memory = measured([peer, "-c", READ_TENSORBOARD, str(root)])
    assert points == theirs_points, (name, points, theirs_points)
    ratio = theirs / ours
    note = f"{points:,} points in {ours:.3f} s CPU; EventAccumulator {theirs:.2f} s"
    yield Row(f"reading {name}", ratio, "×", f"≥ {budget:g}", ratio >= budget, note)
    yield Row(f"reading {name}: peak memory", memory, "MiB", "≤ 45", memory <= 45, f"EventAccumulator {theirs_memory:.0f} MiB")


def idle(root: Path) -> Row:
    """Return what a poll of 400 unchanged files costs."""
    for directory in [root, *(path for path in root.rglob("*") if path.is_dir())]:
        os.utime(directory, (STARTED, STARTED))  # as if written long ago: directories that changed a moment ago are listed again
    logs = LogDirectories([str(root)])
    logs.poll()
    logs.poll(walk=True)
    polls = 200
    began = time.process_time()
    for _ in range(polls):
        logs.poll()
    cost = (time.process_time() - began) / polls * 1000
    return Row(
        "idle poll of 400 event files",
        cost,
        "ms CPU",
        "≤ 5",
        cost <= 5,
        "every fifth with a walk; 0.1 % of a core at a poll a second is 1 ms",
    )


def rows() -> Iterator[Row]:
    """Give every measurement."""
    with tempfile.TemporaryDirectory() as folder:
        sets = make(Path(folder), SCALARS)
        for name, (root, budget) in sets.items():
            yield from compare(name, root, budget)
        yield idle(sets["400 files"][0])


if __name__ == "__main__":  # one reader, in a process of its own
    started = time.process_time()
    count = read_ours(Path(sys.argv[1]))
    print(count, time.process_time() - started, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
