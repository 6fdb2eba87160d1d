"""
What a training pays for being watched: pairs of the same training with and without `modelwatch run`, and the memory of our processes.

It needs TensorFlow: the interpreter that ``MODELWATCH_BENCH_TENSORFLOW`` names, else that of ``make demo`` or ``make test-frameworks``.
"""

from __future__ import annotations

import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from row import Row
from scheduling import scheduler_events, waited_behind

_PAIRS = 10
_EPOCHS = 12
_ROOT = Path(__file__).parents[2]
_SAMPLE_SECONDS = 0.25
_TICKS = os.sysconf("SC_CLK_TCK")

_TRAINING = """
import os, sys, time
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import keras, numpy
keras.utils.set_random_seed(1)
draw = numpy.random.default_rng(1)
images, labels = draw.random((4096, 16, 16, 1), dtype="float32"), draw.integers(0, 10, 4096)
model = keras.Sequential([keras.layers.Input((16, 16, 1)), keras.layers.Conv2D(16, 3, activation="relu"),
    keras.layers.Conv2D(32, 3, activation="relu"), keras.layers.Flatten(), keras.layers.Dense(64), keras.layers.Dense(10, activation="softmax")])
model.compile(optimizer="adam", loss="sparse_categorical_crossentropy")
callbacks = [keras.callbacks.ModelCheckpoint(sys.argv[1] + "/digits-{epoch:02d}.keras"), keras.callbacks.TensorBoard(sys.argv[1] + "/logs")]
model.fit(images, labels, epochs=1, verbose=0)
began, used = time.monotonic(), time.process_time()
model.fit(images, labels, epochs=int(sys.argv[2]), verbose=0, callbacks=callbacks)
print(time.monotonic() - began, time.process_time() - used)
"""


@dataclass(frozen=True, slots=True)
class _Done:
    """
    A training that has ended.

    Attributes:
        seconds: How long its epochs took.
        cpu_seconds: The CPU time of them.
        agent_cpu_seconds: The agent's, by its end.
        supervisor_mib: Peak memory of the supervisor.
        agent_mib: Peak memory of the agent.
        waited_seconds: How long any thread of the training, from its start on, waited for a core that the agent or the supervisor had; None: not known.
    """

    seconds: float
    cpu_seconds: float
    agent_cpu_seconds: float
    supervisor_mib: float
    agent_mib: float
    waited_seconds: float | None


def rows() -> Iterator[Row]:
    """Give the rows, or one that says why there are none."""
    python = _tensorflow()
    if python is None:
        yield Row(
            "training slowed down", 0, "%", note="not measured: name a Python with MODELWATCH_BENCH_TENSORFLOW, or `make demo` once"
        )
        return
    _train(python, watched=False)  # what is read from disk for the first time is nobody's overhead
    pairs = []
    for number in range(_PAIRS):
        order = (False, True) if number % 2 else (True, False)
        done = {watched: _train(python, watched=watched) for watched in order}
        pairs.append((done[False], done[True]))
    wall = sorted((watched.seconds / alone.seconds - 1) * 100 for alone, watched in pairs)
    used = sorted((watched.cpu_seconds / alone.cpu_seconds - 1) * 100 for alone, watched in pairs)
    alone = statistics.median(alone.seconds for alone, _ in pairs)
    watched = [watched for _, watched in pairs]
    low, high = _interval(wall)
    how = f"median of {_PAIRS} pairs, 95 % sure between {low:.1f} and {high:.1f}, over when even that begins above it; {_EPOCHS} checkpoints in {alone:.1f} s"
    yield Row("training slowed down", statistics.median(wall), "%", "≤ 1", low <= 1, how)
    yield _behind(watched)
    yield Row(
        "training's own CPU time, more than alone",
        statistics.median(used),
        "%",
        note="95 % sure between {:.1f} and {:.1f}".format(*_interval(used)),
    )
    share = statistics.median(done.agent_cpu_seconds / done.cpu_seconds for done in watched) * 100
    per_save = statistics.median(done.agent_cpu_seconds for done in watched) / _EPOCHS * 1000
    note = f"{per_save:.0f} ms for each checkpoint, its start included; at a priority below the training's"
    yield Row("agent's CPU time, beside the training's", share, "%", note=note)
    yield _within("supervisor: peak memory", max(done.supervisor_mib for done in watched), "MiB", 16, "resident set size")
    yield Row("agent: peak memory during such a training", max(done.agent_mib for done in watched), "MiB", note="resident set size")


def _behind(watched: list[_Done]) -> Row:
    what = "training waited for a core that we had"
    waits = [done.waited_seconds / done.seconds * 100 for done in watched if done.waited_seconds is not None]
    if not waits:
        return Row(what, 0, "%", note="not measured: root may read the kernel's scheduler events")
    how = (
        f"of its epochs' time, our start included; from the scheduler's events; at most {max(waits):.2f} in {len(waits)} trainings"
    )
    return _within(what, statistics.median(waits), "%", 1, how)


def _interval(ordered: list[float]) -> tuple[float, float]:
    """
    Return between which two of `_PAIRS` measurements, in order, the true median is in at least 95 of 100 cases.

    Whatever their distribution: each lies below the median as often as a coin falls on one side.
    """
    chances = [math.comb(len(ordered), below) / 2 ** len(ordered) for below in range(len(ordered))]
    outside = max(rank for rank in range(len(ordered) // 2) if sum(chances[: rank + 1]) <= 0.025)
    return ordered[outside], ordered[-1 - outside]


def _tensorflow() -> str | None:
    """Return an interpreter that has TensorFlow, or None."""
    found = [_ROOT / folder / "bin" / "python" for folder in (".venv-demo", ".venv-frameworks")]
    named = os.environ.get("MODELWATCH_BENCH_TENSORFLOW")
    return named or next((str(python) for python in found if python.exists()), None)


def _train(python: str, *, watched: bool) -> _Done:
    with tempfile.TemporaryDirectory() as folder:
        run, output = Path(folder, "run"), Path(folder, "output")
        run.mkdir()
        command = [python, "-c", _TRAINING, str(run), str(_EPOCHS)]
        if watched:
            options = ["--modelPath", str(run), "--repository", str(Path(folder, "repository")), "--modelName", "bench"]
            command = [sys.executable, "-m", "modelwatch", "run", *options, "--", *command]
        agent_cpu_seconds = supervisor_mib = agent_mib = 0.0
        waited_seconds = None
        trainers, ours = set[int](), set[int]()
        with output.open("wb") as stdout, scheduler_events() as events:
            process = subprocess.Popen(command, stdout=stdout, stderr=subprocess.DEVNULL)
            while process.poll() is None:
                if agent := _agent_of(process.pid):  # then the process is the supervisor, and no longer what reads the options
                    supervisor_mib = max(supervisor_mib, _peak_mib(process.pid))
                    agent_cpu_seconds = max(agent_cpu_seconds, _cpu_seconds(agent))
                    agent_mib = max(agent_mib, _peak_mib(agent))
                    ours |= _threads(process.pid) | _threads(agent)
                    trainers |= {thread for child in _children(process.pid) if child != agent for thread in _threads(child)}
                time.sleep(_SAMPLE_SECONDS)
            if events is not None and ours:
                with events.open(encoding="utf-8", errors="replace") as lines:
                    waited_seconds = waited_behind(lines, trainers, ours)
        if process.returncode != 0:
            raise RuntimeError(f"the training failed: {command}")
        seconds, cpu_seconds = map(float, output.read_text(encoding="ascii").split())
        return _Done(seconds, cpu_seconds, agent_cpu_seconds, supervisor_mib, agent_mib, waited_seconds)


def _agent_of(supervisor: int) -> int:
    """Return the process id of the supervisor's agent, or 0."""
    return next((pid for pid in _children(supervisor) if "watch" in _proc(pid, "cmdline").split("\0")[:5]), 0)


def _children(pid: int) -> list[int]:
    return [int(child) for child in _proc(pid, f"task/{pid}/children").split()]


def _threads(pid: int) -> set[int]:
    try:
        return {int(thread.name) for thread in Path(f"/proc/{pid}/task").iterdir()}
    except FileNotFoundError:
        return set()


def _peak_mib(pid: int) -> float:
    """Return the peak resident memory of a process; 0 when there is none."""
    peaks = [line.split()[1] for line in _proc(pid, "status").splitlines() if line.startswith("VmHWM")]
    return int(peaks[0]) / 1024 if peaks else 0.0


def _cpu_seconds(pid: int) -> float:
    fields = _proc(pid, "stat").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS if fields else 0.0


def _proc(pid: int, name: str) -> str:
    """Return what the kernel says of a process, nothing when there is none any more."""
    try:
        return Path(f"/proc/{pid}/{name}").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return ""


def _within(name: str, value: float, unit: str, budget: float, note: str) -> Row:
    return Row(name, value, unit, f"≤ {budget:g}", value <= budget, note)
