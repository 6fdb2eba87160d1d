"""
What agents told of the runs of a model: one document a run, replaced in one step, without a lock and without a history.

Reports are told at best effort, and nothing else depends on them: one that cannot be read is as if it were not there. A model of which
only reports are there has not been registered; its runs are read all the same, for a training is to be seen before its first checkpoint.

A report that was told before its model was deleted belongs to the model that is gone. Each is stamped with the highest number that
was gone when it was told, so that this is known without comparing the clocks of two machines.
"""

from __future__ import annotations

from modelwatch.core.entities import RunReport
from modelwatch.core.json import loads
from modelwatch.repository.layout import Place
from modelwatch.repository.reading import read_itself
from modelwatch.repository.storage.directory import DirectoryStorage

_MALFORMED = (OSError, ValueError, KeyError, TypeError, AttributeError)


def write_report(storage: DirectoryStorage, place: Place, report: RunReport) -> None:
    """
    Put a report in the place of the run's earlier ones. Call while the repository's lock is held shared.

    Raises:
        OSError: The repository cannot be written.
    """
    through = read_itself(storage, place).floor
    storage.replace(place.run(report.run), report.encoded(through=through))


def read_reports(storage: DirectoryStorage, place: Place) -> tuple[RunReport, ...]:
    """Return the report of every run of a model, in the order in which they started. Raise OSError when the folder cannot be read."""
    floor = read_itself(storage, place).floor
    names = [name for name in storage.names(place.runs) if name.endswith(".json")]
    found = [report for name in names if (report := _read(storage, f"{place.runs}/{name}", floor)) is not None]
    return tuple(sorted(found, key=lambda report: (report.started, report.run)))


def read_report(storage: DirectoryStorage, place: Place, run: str) -> RunReport | None:
    """Return the report of one run, or None when there is none. Raise as `read_reports`."""
    return _read(storage, place.run(run), read_itself(storage, place).floor) if run else None


def _read(storage: DirectoryStorage, key: str, floor: int) -> RunReport | None:
    try:
        data = storage.read(key)
        if data is None:
            return None
        value = loads(data)
        return RunReport.from_json(value) if int(value["through"]) >= floor else None
    except _MALFORMED:
        return None
