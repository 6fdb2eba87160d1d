"""
Gradient's Custom type: any file or folder.

A model path is divided into units, from the top:

1. a folder that holds ``gradient-model-metadata.json`` is one unit with everything below it; the model path itself may be it;
2. so is a folder that holds a commit marker (`custom_committed.py` judges these);
3. a folder that has units inside is only their collection: its other entries are units like those at the top;
4. every other entry at the top is a unit: a file, or a folder with everything below it.

Event files, writers' temporary names, hidden entries and a lone ``checkpoint`` file are not models.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from modelwatch.core.entities import Candidate, Checkpoint, ModelType, Verdict
from modelwatch.core.files import read_whole
from modelwatch.core.json import JsonValue, decode_float, loads_foreign
from modelwatch.core.tree import FileStat, FileTree, join
from modelwatch.formats.base import Evidence
from modelwatch.formats.companions import STATE_NAME, is_event_file
from modelwatch.formats.names import step_and_epoch
from modelwatch.formats.temporary import is_temporary

METADATA_NAME: Final = "gradient-model-metadata.json"
MARKERS: Final = ("_SUCCESS", "commit_success.txt", ".complete")
"""Commit markers in common use: Hadoop's and Spark's, Orbax's, and a hand-made one."""

_METADATA_LIMIT_BYTES: Final = 16 << 20
_METRIC_LIMIT: Final = 256
_COUNTERS: Final = frozenset(
    {"step", "global_step", "epoch", "epochs", "version", "timestamp", "seed", "batch_size", "num_epochs", "steps"}
)


class UnitKind(enum.Enum):
    """Why files belong together."""

    DESCRIBED = "described"
    """They lie in a folder with Gradient's metadata file."""

    COMMITTED = "committed"
    """They lie in a folder with a commit marker, or in one that is expected to get one."""

    ENTRY = "entry"
    """They are an entry at the top."""


@dataclass(frozen=True, slots=True)
class Unit:
    """
    Files that belong together.

    Attributes:
        kind: Why.
        root: A file or folder; empty for the whole model path.
        members: Sorted by path, never empty.
    """

    kind: UnitKind
    root: str
    members: tuple[FileStat, ...]


def units(tree: FileTree, markers: tuple[str, ...], kinds: frozenset[UnitKind], *, wait: bool) -> Iterator[Unit]:
    """
    Divide a model path.

    Args:
        tree: What a scan saw.

        markers: Commit markers that the user has named, besides `MARKERS`.

        kinds: Which units to give.

        wait: A folder without a marker is expected to get one.
    """
    marked = _marked_folders(tree, frozenset(MARKERS + markers))
    plain = UnitKind.COMMITTED if wait else UnitKind.ENTRY
    if kinds.isdisjoint({*marked.values(), plain, UnitKind.ENTRY}):
        return
    collections = {""}
    for folder in marked:
        above = folder
        while above:
            above = above.rpartition("/")[0]
            collections.add(above)
    pending = [""]
    while pending:
        folder = pending.pop()
        kind = marked.get(folder, plain)
        if folder in marked or folder not in collections:
            if kind in kinds:
                yield from _unit(kind, folder, tree)
            continue
        if UnitKind.ENTRY in kinds:
            for name, stat in tree.files_in(folder).items():
                if name != STATE_NAME and not name.startswith(".") and _is_member(stat):
                    yield Unit(UnitKind.ENTRY, stat.path, (stat,))
        pending.extend(join(folder, name) for name in tree.subdirectories_of(folder) if not name.startswith("."))


def _marked_folders(tree: FileTree, markers: frozenset[str]) -> dict[str, UnitKind]:
    kinds = {}
    for folder, listing in tree.directories.items():
        if METADATA_NAME in listing.files:
            kinds[folder] = UnitKind.DESCRIBED
        elif not markers.isdisjoint(listing.files.keys()):
            kinds[folder] = UnitKind.COMMITTED
    return kinds


def _unit(kind: UnitKind, folder: str, tree: FileTree) -> Iterator[Unit]:
    hidden = () if folder else tuple(f"{name}/" for name in tree.subdirectories_of("") if name.startswith("."))
    members = tuple(
        sorted(stat for stat in tree.files_below(folder) if _is_member(stat) and not (hidden and stat.path.startswith(hidden)))
    )
    if members and not all(stat.name == STATE_NAME for stat in members):
        yield Unit(kind, folder, members)


def _is_member(stat: FileStat) -> bool:
    return not is_event_file(stat.name) and not is_temporary(stat.path)


class Custom:
    """
    Files and folders that nothing else is known about.

    Args:
        commit_markers: Names of marker files besides `MARKERS`.

        described_only: Take only folders with Gradient's metadata file, and leave the rest to other formats.
    """

    name = "custom"
    title = "Custom model"
    model_type = ModelType.CUSTOM
    evidence = Evidence.SILENCE

    def __init__(self, commit_markers: tuple[str, ...] = (), *, described_only: bool = False) -> None:
        self._markers = commit_markers
        self._kinds = frozenset({UnitKind.DESCRIBED} if described_only else {UnitKind.DESCRIBED, UnitKind.ENTRY})

    def find(self, tree: FileTree) -> Iterator[Candidate]:
        """Give every unit but those with commit markers."""
        for unit in units(tree, self._markers, self._kinds, wait=bool(self._markers)):
            yield Candidate(self.name, unit.root, unit.members)

    def inspect(self, folder: str, candidate: Candidate, *, deep: bool) -> Verdict:  # noqa: ARG002 - there is nothing to verify
        """Accept what is all there, not empty, and has metadata that can be read if it has any."""
        try:
            return judge_unit(self.name, folder, candidate)
        except (OSError, ValueError) as error:
            return Verdict.incomplete(str(error))

    def hardlink_safe(self, path: str) -> bool:  # noqa: ARG002 - nothing is known about any file
        """Return False: how the files are written is not known."""
        return False


def judge_unit(format_name: str, folder: str, candidate: Candidate) -> Verdict:
    """
    Judge a unit by what any unit can be judged by.

    Raises:
        OSError: A file cannot be looked at.

        ValueError: Its ``gradient-model-metadata.json`` is not JSON, or not yet.
    """
    if not any(member.size for member in candidate.members):
        return Verdict.incomplete("all its files are empty")
    for member in candidate.members:
        if Path(folder, member.path).lstat().st_size != member.size:
            return Verdict.incomplete(f"{member.path} has changed its size")
    gradient: JsonValue = None
    described = join(candidate.root, METADATA_NAME)
    metadata: dict[str, JsonValue] = {}
    if described in candidate.paths:
        gradient = loads_foreign(read_whole(Path(folder, described), limit_bytes=_METADATA_LIMIT_BYTES))
        metadata["gradient"] = gradient
    named_step, named_epoch = step_and_epoch(candidate.root.rpartition("/")[2])
    step, epoch = _count(gradient, "global_step", "step"), _count(gradient, "epoch")
    return Verdict.complete(
        Checkpoint(
            format_name,
            ModelType.CUSTOM,
            candidate.root,
            tuple(member.path for member in candidate.members),
            named_step if step is None else step,
            named_epoch if epoch is None else epoch,
            metadata,
        )
    )


def _count(gradient: JsonValue, *keys: str) -> int | None:
    """Return the first of `keys` that is a whole number at the top of the metadata."""
    if isinstance(gradient, Mapping):
        for key in keys:
            value = gradient.get(key)
            if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 63:
                return value
    return None


def custom_metrics(gradient: JsonValue) -> dict[str, float]:
    """
    Return the metrics in the content of a ``gradient-model-metadata.json``.

    Any JSON is allowed there. Read as metrics are the shapes that Gradient documents and that people write:
    ``{"metrics": [{"name": "accuracy-score", "numberValue": 60}]}``, ``{"metrics": [{"MSE": 0.1}]}``, ``{"metrics": {"MSE": 0.1}}``
    and ``{"MSE": 0.1}``. The first value of a name counts.
    """
    metrics: dict[str, float] = {}
    if isinstance(gradient, Mapping):
        listed = gradient.get("metrics")
        for item in listed if isinstance(listed, list) else [listed]:
            if isinstance(item, Mapping):
                named = "numberValue" in item and "name" in item
                _add(metrics, [(item["name"], item["numberValue"])] if named else item.items())
        _add(metrics, [(key, value) for key, value in gradient.items() if key not in _COUNTERS])
    return metrics


def _add(metrics: dict[str, float], values: Iterable[tuple[JsonValue, JsonValue]]) -> None:
    for key, value in values:
        if not isinstance(key, str) or not key or isinstance(value, bool) or not isinstance(value, (int, float, str)):
            continue
        try:
            number = decode_float(value)
        except (ValueError, OverflowError):
            continue  # text, or an integer that no float can hold
        if len(metrics) < _METRIC_LIMIT:
            metrics.setdefault(key, number)
