"""
100,000 versions: making the index, following a directory where nothing changes, and every list that people ask for.

A list costs what the server uses of the CPU for one request, HTTP and all: that says the same on a busy machine and on an idle one.
"""

from __future__ import annotations

import contextlib
import http.client
import itertools
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

from live_server import LiveServer
from many_versions import COMMON_TAG, RARE_TAG, make_versions, model_name
from processes import cpu_seconds, load
from row import Row

from modelwatch.repository.index.index import Index
from modelwatch.repository.repository import Repository
from modelwatch.server.follower import pause

_SHAPES = ((1, 100_000), (1_000, 100), (10_000, 10))
_REPEATED = 10
_API = "/api/v1/teams/default/models"
_PAGE = "/default/models"
_RACY_SECONDS = 2.5  # a directory that changed a moment ago is listed again, whatever its time says


def rows() -> Iterator[Row]:
    """Give the rows as they are measured."""
    for models, versions in _SHAPES:
        with tempfile.TemporaryDirectory(prefix="modelwatch-bench-", dir=_memory()) as folder:
            root = Path(folder, "repository")
            make_versions(root, models=models, versions=versions)
            shape = f"{models:,} × {versions:,}"
            yield from _index(root, shape)
            yield from _lists(root, shape, models, versions)


def _memory() -> str | None:
    """Return a folder in memory: what is measured is not the disk, and 200,000 files are soon made there."""
    return "/dev/shm" if Path("/dev/shm").is_dir() else None


# ---------------------------------------------------------------------------------------------------------------- the index


def _index(root: Path, shape: str) -> Iterator[Row]:
    repository = Repository.open(root, create=False)
    path = root / "server" / "index.db"
    path.parent.mkdir()
    time.sleep(_RACY_SECONDS)
    wall, cpu = time.monotonic(), time.process_time()
    with Index.open(path, repository) as index:
        wall, cpu = time.monotonic() - wall, time.process_time() - cpu
        yield _within(f"index: made, {shape} versions", cpu, "s CPU", 100, f"{wall:.0f} s by the clock, {load()}")
        refreshing = []
        for _ in range(_REPEATED):
            begun = time.process_time()
            assert not index.refresh()
            refreshing.append((time.process_time() - begun) * 1000)
        look = statistics.median(refreshing)
        within = max(1.0, look / 1000 + pause(look / 1000, changed=False))
        seen = f"for a twentieth of a core at most, so that what comes is seen within {within:.0f} s"
        yield Row(f"index: a look at all, {shape}", look, "ms CPU", note=seen)
    documents = sum(path.stat().st_size for path in root.glob("models/*/*/versions/*.json"))
    size = sum(file.stat().st_size for file in path.parent.glob("index.db*"))
    note = f"× the version files, {documents / 2**20:.0f} MiB"
    yield Row(f"index: size, {shape}", size / 2**20, "MiB", note=f"{size / documents:.2g} {note}")


# ---------------------------------------------------------------------------------------------------------------- the lists


def _lists(root: Path, shape: str, models: int, versions: int) -> Iterator[Row]:
    server = LiveServer(root, root.parent / "server.log")
    server.start()
    try:
        with contextlib.closing(http.client.HTTPConnection(urlsplit(server.url).netloc)) as connection:

            def cost(address: str) -> float:
                _get(connection, address)
                costs = []
                for _ in range(_REPEATED):  # the median leaves out those that a look at the directory fell into
                    before = cpu_seconds(server.process.pid)
                    _get(connection, address)
                    costs.append((cpu_seconds(server.process.pid) - before) * 1000)
                return statistics.median(costs)

            model = model_name(models // 2)
            for what, addresses in (
                ("API, models", _asked(_API, models // 2, versions)),
                ("API, versions", _asked(f"{_API}/{model}/versions", models // 2, versions)),
                ("page, models", _asked(_PAGE, models // 2, versions, search="q")),
                ("page, a model", _shown(f"{_PAGE}/{model}")),
            ):
                yield _worst(f"lists: {what}, {shape}", list(addresses), cost)
    finally:
        server.stop()


def _get(connection: http.client.HTTPConnection, address: str) -> None:
    connection.request("GET", address)
    answer = connection.getresponse()
    body = answer.read()
    assert answer.status == 200, (address, body)


def _asked(path: str, number: int, versions: int, search: str = "search") -> Iterator[str]:
    """Give addresses of lists: every order, every filter, found often, seldom and never, and orders with filters."""
    sorts = ("modified", "created", "number", "registered", "step", "size", "versions", "name", "epoch", "val_loss", "nothing")
    filters = (
        f"{search}=digits",
        f"{search}=ckpt",
        f"{search}=run-1",
        f"{search}=00{versions}",
        f"{search}=found+nowhere",
        f"tag={COMMON_TAG}",
        f"tag={RARE_TAG}",
        "tag=nowhere",
        "type=Tensorflow",
        "format=onnx",
        f"experiment=e{number:05d}x1",
        "project=p3",
        "project=nowhere",
    )
    yield path
    for sort in sorts:
        if (sort in {"modified", "versions", "name"}) and path.endswith("versions"):
            continue
        if sort == "epoch" and not path.endswith("versions"):
            continue
        for order in ("ascending", "descending"):
            yield f"{path}?{_sorted(sort, order, search)}"
    for asked in filters:
        yield f"{path}?{asked}"
        yield f"{path}?{asked}&{_sorted('size', 'descending', search)}"
        yield f"{path}?{asked}&{_sorted('val_loss', 'ascending', search)}"


def _sorted(sort: str, order: str, search: str) -> str:
    if search == "search":
        return f"sort={sort}&order={order}"
    return f"sort={'-' if order == 'descending' else ''}{sort}"


def _shown(path: str) -> Iterator[str]:
    yield path
    for sort in ("number", "step", "val_loss", "-val_accuracy", "-size", "registered"):
        yield f"{path}?sort={sort}"


def _worst(name: str, addresses: list[str], cost: Callable[[str], float]) -> Row:
    costs = sorted(((cost(address), address) for address in addresses), reverse=True)
    median = statistics.median(value for value, _ in costs)
    over = sum(value > 20 for value, _ in costs)
    worst = ", ".join(f"{value:.0f} {address.rpartition('/')[2]}" for value, address in itertools.islice(costs, 3 if over else 1))
    note = f"of {len(addresses)} questions, {over} over, median {median:.1f}; slowest: {worst}; {load()}"
    return _within(name, costs[0][0], "ms CPU", 20, note)


def _within(name: str, value: float, unit: str, budget: float, note: str) -> Row:
    return Row(name, value, unit, f"≤ {budget:g}", value <= budget, note)
