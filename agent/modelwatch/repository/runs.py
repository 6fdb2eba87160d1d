"""
What agents told of the runs of a model: one document a run, replaced in one step, without a lock and without a history.

Reports are told at best effort, and nothing else depends on them: one that cannot be read is as if it were not there. A model of which
only reports are there has not been registered; its runs are read all the same, for a training is to be seen before its first checkpoint.

A report that was told before its model was deleted belongs to the model that is gone, and comes back with it. Each is stamped with the
latest event that there was when it was told: events are in one order, whatever the clocks say.
"""

from __future__ import annotations

import os
from collections.abc import Iterable

from modelwatch.core.entities import RunReport
from modelwatch.core.json import JsonValue, dumps, loads
from modelwatch.repository.layout import Place
from modelwatch.repository.reading import latest_event, read_deletions
from modelwatch.repository.storage.directory import DirectoryStorage

_MALFORMED = (ValueError, KeyError, TypeError, AttributeError)


def write_report(storage: DirectoryStorage, place: Place, report: RunReport) -> None:
    """
    Put a report in the place of the run's earlier ones. Call while the lock of the model is held.

    Raises:
        OSError: The repository cannot be written.
    """
    storage.replace(place.run(report.run), report.encoded(after=latest_event(storage, place)))


def move_reports(storage: DirectoryStorage, name: Place, to: Place) -> None:
    """
    Let the runs that were told of under a name be runs of the model that the name leads to now. Call while the locks of both are held.

    What is known of them, and when they were told, stays. Killed half-way and called again, it completes.

    Raises:
        OSError: The repository cannot be written.
    """
    after = latest_event(storage, to)
    for key in _keys(storage, name):
        value, report = _value(storage, key), _read(storage, key, "")
        if value is None or report is None:
            continue
        target = to.run(report.run)
        there = _read(storage, target, "")
        if there is None or there.updated < report.updated:
            told = _written_ns(storage, key)
            storage.replace(target, dumps({**value, "after": after}).encode("ascii"))
            os.utime(storage.path(target), ns=(told, told))  # it is not heard of now
        storage.remove(key)


def read_reports(storage: DirectoryStorage, place: Place, deleted: str | None = None) -> tuple[RunReport, ...]:
    """
    Return the report of every run of a model, in the order in which they started.

    Args:
        storage: Where.

        place: Which model.

        deleted: The name of its latest deletion that stands, empty when none does; None when the caller does not know.

    Raises:
        OSError: The folder cannot be read.
    """
    if deleted is None:
        deleted = max(read_deletions(storage, place), default="")
    found = [report for key in _keys(storage, place) if (report := _read(storage, key, deleted)) is not None]
    return tuple(sorted(found, key=lambda report: (report.started, report.run)))


def read_report(storage: DirectoryStorage, place: Place, run: str) -> RunReport | None:
    """Return the report of one run, or None when there is none. Raise as `read_reports`."""
    return _read(storage, place.run(run), max(read_deletions(storage, place), default="")) if run else None


def latest_reports(storage: DirectoryStorage, models: Iterable[Place], limit: int) -> tuple[RunReport, ...]:
    """Return the reports of some models that were told last, the latest first: at most `limit`. Raise as `read_reports`."""
    told = [(written, key, place) for place in models for key in _keys(storage, place) if (written := _written_ns(storage, key))]
    deleted: dict[Place, str] = {}
    found = []
    for _, key, place in sorted(told, reverse=True):
        if place not in deleted:
            deleted[place] = max(read_deletions(storage, place), default="")
        report = _read(storage, key, deleted[place])
        if report is not None:
            found.append(report)
        if len(found) == limit:
            break
    return tuple(found)


def _written_ns(storage: DirectoryStorage, key: str) -> int:
    """Return when a report was told, 0 when it is gone."""
    try:
        return storage.path(key).stat().st_mtime_ns
    except FileNotFoundError:
        return 0


def remove_lost_reports(storage: DirectoryStorage, place: Place, now: float) -> None:
    """
    Remove the reports of a model that was deleted and cannot be restored at `now` any more. Call while the repository's lock is held alone.

    Raises:
        OSError: The repository cannot be written.
    """
    lost = max((name for name, deletion in read_deletions(storage, place).items() if deletion.keep_until <= now), default="")
    for key in _keys(storage, place) if lost else ():
        value = _value(storage, key)
        if value is not None and value["after"] < lost:
            storage.path(key).unlink(missing_ok=True)


def _keys(storage: DirectoryStorage, place: Place) -> list[str]:
    return [f"{place.runs}/{name}" for name in storage.names(place.runs) if name.endswith(".json")]


def _read(storage: DirectoryStorage, key: str, deleted: str) -> RunReport | None:
    """Return a report, unless it was told before the event called `deleted`."""
    value = _value(storage, key)
    try:
        return None if value is None or value["after"] < deleted else RunReport.from_json(value)
    except _MALFORMED:
        return None


def _value(storage: DirectoryStorage, key: str) -> JsonValue | None:
    """Return a report's document, or None when it is not there or is none."""
    try:
        data = storage.read(key)
        value = None if data is None else loads(data)
    except (OSError, ValueError):
        return None
    return value if isinstance(value, dict) and isinstance(value.get("after"), str) else None
