"""
The server under load: 1 GiB by both ways in, beside writing and hashing the same file here; its memory meanwhile; 64 agents at once.

Client and server share the machine. Each way in is measured in pairs with the local copy, so that what else the machine does falls on
both, and the median of the pairs counts.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from live_server import live_server
from processes import cpu_seconds, forget_peak, load, peak_resident_mib
from row import Row

from modelwatch.client.connection import Connection
from modelwatch.client.repository import RemoteRepository
from modelwatch.core.digest import Digest
from modelwatch.core.entities import Manifest, ManifestEntry, ModelType, Registration, Snapshot
from modelwatch.repository.uploading import Upload, UploadFile
from modelwatch.sinks.http import HttpSink
from modelwatch.testing.sink_contract import make_registration, make_snapshot

_LARGE_BYTES = 1 << 30
_PIECE_BYTES = 1 << 20
_PAIRS = 3
_AGENTS = 64
_VERSIONS_EACH = 5


def rows() -> Iterator[Row]:
    """Give the rows as they are measured."""
    yield from _uploads()
    yield from _many_agents()


# ------------------------------------------------------------------------------------------------------------- large files


def _uploads() -> Iterator[Row]:
    with tempfile.TemporaryDirectory(prefix="modelwatch-bench-") as folder:
        root = Path(folder)
        source = root / "model.onnx"
        with live_server(root) as server:
            peaks = []
            for name, send in (("models upload", _by_hand), ("agent's sink", _by_sink)):
                ratios, speeds, costs = [], [], []
                for _ in range(_PAIRS):
                    digest = _write_random(source)
                    here = _seconds(lambda: _write_and_hash(source, root / "copy"))
                    (root / "copy").unlink()
                    forget_peak(server.process.pid)
                    server_cpu, own_cpu = cpu_seconds(server.process.pid), time.process_time()
                    there = _seconds(lambda: send(server.url, source, digest))  # noqa: B023 - called at once
                    costs.append((cpu_seconds(server.process.pid) - server_cpu, time.process_time() - own_cpu))
                    peaks.append(peak_resident_mib(server.process.pid))
                    ratios.append(here / there)
                    speeds.append((_LARGE_BYTES / 2**30 / there, _LARGE_BYTES / 2**30 / here))
                server_cpu, own_cpu = (statistics.median(values) for values in zip(*costs, strict=True))
                speed, beside = (statistics.median(values) for values in zip(*speeds, strict=True))
                note = f"{speed:.2f} of {beside:.2f} GiB/s; CPU {server_cpu:.1f} s there, {own_cpu:.1f} s here; {load()}"
                ratio = statistics.median(ratios)
                yield Row(f"server: 1 GiB by {name}, to local write + hash", ratio, "×", "≥ 0.7", ratio >= 0.7, note)
            worst = max(peaks)
            yield Row("server: memory while 1 GiB arrives, the most", worst, "MiB", "≤ 150", worst <= 150, "resident set size")


def _write_random(path: Path) -> Digest:
    """Write a file that no other is like; return its digest."""
    state = hashlib.sha256()
    block = bytearray(os.urandom(_PIECE_BYTES))
    with path.open("wb") as stream:
        for number in range(_LARGE_BYTES // _PIECE_BYTES):
            block[:8] = number.to_bytes(8, "big")
            stream.write(block)
            state.update(block)
        stream.flush()
        os.fsync(stream.fileno())
    return Digest(state.hexdigest())


def _write_and_hash(source: Path, target: Path) -> None:
    state = hashlib.sha256()
    with source.open("rb", buffering=0) as reading, target.open("wb", buffering=0) as writing:
        while piece := reading.read(_PIECE_BYTES):
            writing.write(piece)
            state.update(piece)
        os.fsync(writing.fileno())


def _by_hand(url: str, source: Path, _digest: Digest) -> None:
    with Connection(url) as connection:
        upload = Upload(
            team="default",
            model="bench",
            root=source.name,
            folder=str(source.parent),
            files=(UploadFile(source.name, source, _LARGE_BYTES),),
            model_type=ModelType.ONNX,
        )
        RemoteRepository(connection, "default").upload(upload, advance=lambda _count: None)


def _by_sink(url: str, source: Path, digest: Digest) -> None:
    manifest = Manifest((ManifestEntry(source.name, _LARGE_BYTES, digest),))
    sink = HttpSink(url, "default")
    with contextlib.closing(sink):
        sink.register(make_registration(manifest, model="bench"), Snapshot(str(source.parent), manifest))


def _seconds(work: Callable[[], None]) -> float:
    begun = time.monotonic()
    work()
    return time.monotonic() - begun


# -------------------------------------------------------------------------------------------------------------- many agents


def _many_agents() -> Iterator[Row]:
    """Let 64 sinks register at once, half of them with one model, each version with content of its own."""
    with tempfile.TemporaryDirectory(prefix="modelwatch-bench-") as folder:
        root = Path(folder)
        with live_server(root) as server:
            begin, failures = threading.Barrier(_AGENTS + 1), []
            numbers: dict[str, list[int]] = {}

            def agent(number: int) -> None:
                model = "shared" if number % 2 else f"own-{number}"
                sink = HttpSink(server.url, "default")
                with contextlib.closing(sink):
                    begin.wait()
                    for step in range(_VERSIONS_EACH):
                        try:
                            receipt = sink.register(*_small(root, model, number, step))
                        except Exception as error:  # noqa: BLE001 - whatever it is, it is counted
                            failures.append(error)
                        else:
                            numbers.setdefault(model, []).append(int(receipt.version))

            threads = [threading.Thread(target=agent, args=(number,)) for number in range(_AGENTS)]
            for thread in threads:
                thread.start()
            before = cpu_seconds(server.process.pid)
            begin.wait()
            seconds = _seconds(lambda: [thread.join() for thread in threads])
            cpu = cpu_seconds(server.process.pid) - before
            whole = sum(sorted(found) == list(range(1, len(found) + 1)) for found in numbers.values())
            made = sum(map(len, numbers.values()))
            note = f"{made} versions, one file each, in {seconds:.1f} s; {cpu / made * 1000:.0f} ms of CPU each there; {load()}"
            yield Row("server: errors of 64 agents at once", len(failures), "", "= 0", not failures, note)
            models = _AGENTS // 2 + 1
            yield Row("server: models without a gap in their numbers", whole, f"of {models}", f"= {models}", whole == models)


def _small(root: Path, model: str, number: int, step: int) -> tuple[Registration, Snapshot]:
    folder = root / "agents" / f"{number}-{step}"
    snapshot = make_snapshot(folder, {"model.ckpt.index": os.urandom(4_096)})
    registration = make_registration(snapshot.manifest, model=model, step=step, run=f"run-{number}")
    return replace(registration, root=f"{number}/model.ckpt-{step}"), snapshot
