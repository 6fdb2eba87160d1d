"""
Reading event files: ours against TensorBoard's EventAccumulator, on the same generated files, each reader in a fresh process.

    python tests/bench/bench_scalars.py [--scalars 1000000] [--peer PYTHON]

Prints one table row for each set: CPU seconds of reading (not of importing), peak resident memory, and the ratio. `--peer` names an
interpreter that has TensorFlow as well: TensorBoard checks checksums in C++ there and in Python here. Then: what a poll costs when
nothing is new.
"""

from __future__ import annotations

import argparse
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from modelwatch.scalars.logdir import LogDirectories
from modelwatch.testing import event_writer as w

FILE = "events.out.tfevents.1700000000.host"
TAGS = [f"train/metric_{number}" for number in range(10)]
STARTED = 1.7e9


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


def make(root: Path, scalars: int) -> dict[str, Path]:
    """Write all sets and return where they are, by name."""
    write(root / "tensors" / FILE, tensors(scalars // 10))
    write(root / "simple" / FILE, simple_values(scalars // 5))
    write(root / "single" / FILE, single_simple_values(scalars // 5))
    write(root / "images" / FILE, images(scalars // 80))
    for run in range(200):
        write(root / "many" / f"run{run}" / "train" / FILE, tensors(60 * scalars // 1_000_000))
        write(root / "many" / f"run{run}" / "eval" / FILE, tensors(4 * scalars // 1_000_000))
    return {
        "TF2 tensors, 1 per record": root / "tensors",
        "TF1 simple values, 5 per record": root / "simple",
        "PyTorch simple values, 1 per record": root / "single",
        "images and histograms": root / "images",
        "400 files": root / "many",
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


def compare(name: str, root: Path, peer: str) -> None:
    """Print a row. The better of two runs counts for us, and the one run for the peer: it is long enough."""
    points, ours, memory = min(
        (measured([sys.executable, __file__, "--read", str(root)]) for _ in range(2)), key=lambda row: row[1]
    )
    theirs_points, theirs, theirs_memory = measured([peer, "-c", READ_TENSORBOARD, str(root)])
    assert points == theirs_points, (name, points, theirs_points)
    print(
        f"| {name} | {points} | {ours:.3f} s | {memory:.0f} MiB | {theirs:.2f} s | {theirs_memory:.0f} MiB | {theirs / ours:.0f}x |"
    )


def idle(root: Path) -> None:
    """Print what a poll of 400 unchanged files costs."""
    for directory in {path for path in root.rglob("*") if path.is_dir()} | {root}:
        os.utime(directory, (STARTED, STARTED))  # as if written long ago: directories that changed a moment ago are listed again
    logs = LogDirectories([str(root)])
    logs.poll()
    logs.poll(walk=True)
    polls = 200
    began = time.process_time()
    for _ in range(polls):
        logs.poll()
    print(f"\nidle poll of 400 files, every fifth with a walk: {(time.process_time() - began) / polls * 1e6:.0f} µs CPU")


def main() -> None:
    """Print the table, or read one set in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scalars", type=int, default=1_000_000)
    parser.add_argument("--peer", default=sys.executable, help="the interpreter that runs TensorBoard's reader")
    parser.add_argument("--read", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.read:
        began = time.process_time()
        count = read_ours(options.read)
        print(count, time.process_time() - began, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
        return
    with tempfile.TemporaryDirectory() as folder:
        sets = make(Path(folder), options.scalars)
        print("| set | points | ours | peak | EventAccumulator | peak | ratio |")
        print("| --- | ---: | ---: | ---: | ---: | ---: | ---: |")
        for name, root in sets.items():
            compare(name, root, options.peer)
        idle(sets["400 files"])


if __name__ == "__main__":
    main()
