"""What is known of the directories of a model, and whether they can have changed since."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import Final

from modelwatch.repository.layout import Place
from modelwatch.repository.storage.directory import DirectoryStorage

_RACY_NS: Final = 2_000_000_000  # the coarsest clock of a file system is FAT's
_ABSENT: Final = -1
_DIRECTORIES: Final = ("versions", "events", "aliases", "runs")


@dataclass(frozen=True, slots=True)
class Seen:
    """
    When a model's directories changed last, in ns since the epoch; -1 for one that is not there.

    None is a time that proves nothing: it is of a moment ago, so that the next file may come within the same tick of the file system's
    clock. Such a directory is listed again at the next look, as git does with its index.

    Attributes:
        versions: Of the versions.
        events: Of the events.
        aliases: Of the aliases.
        runs: Of the run reports; these are not read here, so that the time itself is all that counts.
    """

    versions: int | None = None
    events: int | None = None
    aliases: int | None = None
    runs: int | None = None

    @classmethod
    def now(cls, storage: DirectoryStorage, place: Place, now_ns: int) -> Seen:
        """Look at the directories; to be called before they are listed."""
        prefix = place.prefix
        versions, events, aliases, runs = [storage.changed_ns(f"{prefix}/{name}") for name in _DIRECTORIES]
        return cls(
            _reliable(versions, now_ns), _reliable(events, now_ns), _reliable(aliases, now_ns), _ABSENT if runs is None else runs
        )

    @classmethod
    def of_row(cls, row: sqlite3.Row) -> Seen:
        """Read it from a row of ``places``."""
        return cls(row["versions_seen"], row["events_seen"], row["aliases_seen"], row["runs_seen"])

    def proves(self, later: Seen) -> bool:
        """Return whether nothing has changed until a later look."""
        return later == self and None not in {self.versions, self.events, self.aliases}


def _reliable(time_ns: int | None, now_ns: int) -> int | None:
    if time_ns is None:
        return _ABSENT
    return time_ns if now_ns - time_ns > _RACY_NS else None


def is_to_be_listed(then: int | None, now: int | None) -> bool:
    """Return whether a directory may hold other names than at an earlier look."""
    return now is None or then != now
