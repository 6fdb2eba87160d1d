"""
One event file that grows while it is read.

A poll reads what was appended since the last one. A record that is not all there is the normal state of a growing file, not an error:
the next poll looks again. The file is opened for a poll that finds it changed and closed after it: nothing is held open, and network
file systems show what was written before an open (close-to-open consistency). It is never mapped into memory.

Damage, by what it looks like:

- the data's checksum is wrong: the record is dropped, and reading goes on behind it;
- the length's checksum is wrong: nothing after it can be trusted, and reading goes on at the next place that is a record.

Both wait first, for bytes may still be on their way: a network file system can show a page of zeros that is filled in later.
"""

from __future__ import annotations

import enum
import math
import os
import threading
from typing import Final

from modelwatch.core.clock import Clock
from modelwatch.core.files import NotARegularFileError, RegularFile
from modelwatch.scalars.event import Event, Malformed, Window, parse
from modelwatch.scalars.layout import Layout, Template, Templates, run_along
from modelwatch.scalars.series import Point, Stream, Text
from modelwatch.scalars.tf_record import (
    FOOTER,
    HEADER,
    HEADER_BYTES,
    OVERHEAD_BYTES,
    data_is_valid,
    find_record,
    header_is_valid,
    masked_crc32c,
)

GRACE_SECONDS: Final = 30.0
"""How long bad bytes may be bytes on their way: since the file changed, or since they were first seen, whichever ends first."""

_FIRST_CHUNK_BYTES: Final = 1 << 14
_CHUNK_BYTES: Final = 1 << 18
_SIGNATURE_BYTES: Final = 32
_WALKED_IN_FILE_BYTES: Final = 4096  # a longer record that is not in memory as a whole is not read as a whole
_SCALARS_PLUGIN: Final = "scalars"
_SCALAR_PLUGINS: Final = frozenset({_SCALARS_PLUGIN, ""})


class Outcome(enum.Enum):
    """What a poll found."""

    SAME = "same"
    GREW = "grew"
    RESTARTED = "restarted"
    """The file's earlier content is not there any more: the stream was emptied and read again from the start."""

    GONE = "gone"
    UNREADABLE = "unreadable"
    """It exists and cannot be read now; `EventFile.problem` says why. The next poll tries again."""


class EventFile:
    """
    What is known of one event file. One thread polls it.

    Args:
        path: Absolute path.

        plugins: Plug-in names by tag, shared by the files of a run: some writers send a tag's metadata only once. The first name wins.

        templates: Shared by all files.

        lock: Held while the stream or `plugins` change, and never while the file is read.

        clock: For the grace given to bad bytes.

    Attributes:
        path: As given.
        stream: What the file holds. Emptied when the file starts anew.
        dropped_records: How many records had a wrong data checksum, or the right one and were no event.
        skipped_bytes: How many bytes were jumped over to find the next record.
        problem: Why it cannot be read now, or what is wrong with its bytes; empty when all is well.
    """

    __slots__ = (
        "_bad_since",
        "_clock",
        "_identity",
        "_layouts",
        "_lock",
        "_mtime_ns",
        "_offset",
        "_plugins",
        "_signature",
        "_size",
        "_templates",
        "_waiting",
        "dropped_records",
        "path",
        "problem",
        "skipped_bytes",
        "stream",
    )

    def __init__(self, path: str, plugins: dict[str, str], templates: Templates, lock: threading.Lock, clock: Clock) -> None:
        self.path = path
        self.stream = Stream()
        self.dropped_records = 0
        self.skipped_bytes = 0
        self.problem = ""
        self._plugins = plugins
        self._templates = templates
        self._lock = lock
        self._clock = clock
        self._layouts: dict[Template, Layout | None] = {}
        self._identity: tuple[int, int] | None = None
        self._size = -1
        self._mtime_ns = 0
        self._offset = 0
        self._signature = b""
        self._waiting = False
        self._bad_since: tuple[int, float] | None = (
            None  # offset of bad bytes, and when they were first seen on the monotonic clock
        )

    def poll(self, *, final: bool = False) -> Outcome:
        """
        Take in what was appended. Costs one ``stat`` when nothing was.

        Args:
            final: Nothing more will be written: bad bytes get no grace.
        """
        try:
            status = os.lstat(self.path)
            unchanged = (
                status.st_size == self._size
                and status.st_mtime_ns == self._mtime_ns
                and (status.st_dev, status.st_ino) == self._identity
            )
            if unchanged and not self._waiting:
                return Outcome.SAME
            with RegularFile(self.path) as file:
                return self._poll_open(file, final=final)
        except (FileNotFoundError, NotARegularFileError):
            return Outcome.GONE
        except OSError as error:  # EACCES, EIO, ESTALE, …: what cannot be read now may be readable later
            self.problem = f"cannot be read: {error.strerror or error}; tried again at every poll"
            self._size = -1
            return Outcome.UNREADABLE

    def _poll_open(self, file: RegularFile, *, final: bool) -> Outcome:
        status = file.stat()
        size = status.st_size
        outcome = Outcome.GREW
        if self._offset and not self._continues(file, size):
            self._forget()
            outcome = Outcome.RESTARTED
        changed_before_seconds = self._clock.now() - status.st_mtime
        before = self._offset
        self._drain(file, size, patient=not final and changed_before_seconds < GRACE_SECONDS)
        length = min(_SIGNATURE_BYTES, self._offset)
        self._signature = file.read_at(self._offset - length, length)
        self._identity = (status.st_dev, status.st_ino)
        self._size = size
        self._mtime_ns = status.st_mtime_ns
        self.problem = self._damage()
        return Outcome.SAME if outcome is Outcome.GREW and self._offset == before else outcome

    def _continues(self, file: RegularFile, size: int) -> bool:
        """Return whether what was read is still in front of the offset: an append, or a replacement that begins with the same bytes."""
        length = len(self._signature)
        return size >= self._offset and file.read_at(self._offset - length, length) == self._signature

    def _forget(self) -> None:
        with self._lock:
            self.stream.clear()
        self._layouts.clear()
        self._offset = 0
        self._bad_since = None
        self.dropped_records = self.skipped_bytes = 0

    def _damage(self) -> str:
        parts = []
        if self._waiting:
            parts.append(f"bad bytes at {self._offset}, which may still be on their way")
        if self.dropped_records:
            parts.append(f"{self.dropped_records} damaged records dropped")
        if self.skipped_bytes:
            parts.append(f"{self.skipped_bytes} damaged bytes skipped")
        return "; ".join(parts)

    # -------------------------------------------------------------------------------------------------------------- reading

    def _drain(self, file: RegularFile, size: int, *, patient: bool) -> None:
        """Take every record between the offset and `size` that is all there."""
        self._waiting = False
        chunk_bytes = _FIRST_CHUNK_BYTES
        while self._offset + HEADER_BYTES <= size:
            chunk = file.read_at(self._offset, min(chunk_bytes, size - self._offset))
            with self._lock:
                taken = self._take_records(chunk, patient=patient)
            self._offset += taken
            if self._waiting:
                return
            chunk_bytes = min(2 * chunk_bytes, _CHUNK_BYTES)
            if len(chunk) - taken < HEADER_BYTES:
                if not taken:
                    return  # the file became shorter
                continue
            length, checksum = HEADER.unpack_from(chunk, taken)
            if not header_is_valid(length, checksum):
                if not self._resynchronise(file, size, patient=patient):
                    return
            elif self._offset + OVERHEAD_BYTES + length > size:
                return  # the rest is still to come
            elif length > _WALKED_IN_FILE_BYTES:
                if not self._take_from_file(file, length, patient=patient):
                    return
                chunk_bytes = _FIRST_CHUNK_BYTES

    def _take_records(self, chunk: bytes, *, patient: bool) -> int:
        """Take the whole records at the beginning of `chunk` and return how many bytes they are."""
        position = 0
        previous: Layout | None = None
        while position + HEADER_BYTES <= len(chunk):
            length, checksum = HEADER.unpack_from(chunk, position)
            after = position + OVERHEAD_BYTES + length
            if after > len(chunk) or not header_is_valid(length, checksum):
                break
            layout = self._layout(self._templates.find(chunk, position, length))
            if layout is not None:
                if previous is not None:
                    previous.successor = layout
                reached, previous = run_along(chunk, position, layout)
                if reached > position:
                    position = reached
                    continue
            event, is_bad = self._walk(chunk, position, length)
            if is_bad:
                if self._waits_for(self._offset + position, patient=patient):
                    break
                self.dropped_records += 1
            elif event is not None:
                self._accept(event)
                layout = self._layout(self._templates.learn(chunk, position, length, event))
                if previous is not None and layout is not None:
                    previous.successor = layout
                previous = layout
            position = after
        return position

    @staticmethod
    def _walk(chunk: bytes, record: int, length: int) -> tuple[Event | None, bool]:
        """Return the event if there is anything to take from it, and whether the record is bad. Checksums what is not jumped over."""
        start, end = record + HEADER_BYTES, record + HEADER_BYTES + length
        event: Event | None
        try:
            event = parse(chunk, start, end)
        except Malformed:
            event = None
        else:
            if not event.is_of_use:
                return None, False
        is_valid = masked_crc32c(chunk[start:end]) == FOOTER.unpack_from(chunk, end)[0]
        return (event, event is None) if is_valid else (None, True)

    def _take_from_file(self, file: RegularFile, length: int, *, patient: bool) -> bool:
        """Take the whole long record at the offset, reading little of it. Return whether reading goes on."""
        if hasattr(os, "posix_fadvise"):
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_RANDOM)  # what is jumped over is not to be read ahead
        start = self._offset + HEADER_BYTES
        event: Event | None
        try:
            event = parse(Window(file), start, start + length)
        except Malformed:
            event = None
        if event is None or (event.is_of_use and not data_is_valid(file, start, length)):
            if self._waits_for(self._offset, patient=patient):
                return False
            self.dropped_records += 1
        elif event.is_of_use:
            with self._lock:
                self._accept(event)
        self._offset = start + length + FOOTER.size
        return True

    def _resynchronise(self, file: RegularFile, size: int, *, patient: bool) -> bool:
        """Go to the next record behind bytes that are none. Return whether reading goes on."""
        if self._waits_for(self._offset, patient=patient):
            return False
        found = find_record(file, self._offset + 1, size)
        if found is None:  # the rest of the file is bad so far; what is appended is searched again
            self._waiting = True
            return False
        self.skipped_bytes += found - self._offset
        self._offset = found
        return True

    def _waits_for(self, offset: int, *, patient: bool) -> bool:
        """Return whether the bad bytes at `offset` get more time, and remember it."""
        now = self._clock.monotonic()
        if self._bad_since is None or self._bad_since[0] != offset:
            self._bad_since = (offset, now)
        self._waiting = patient and now - self._bad_since[1] < GRACE_SECONDS
        return self._waiting

    # ------------------------------------------------------------------------------------------------------------- accepting

    def _accept(self, event: Event) -> None:
        for tag, plugin in event.plugins.items():
            self._plugins.setdefault(tag, plugin)
        if not math.isfinite(event.wall_time):
            return
        generation = self.stream.generation
        for value in event.values:
            if value.text is not None:
                self.stream.texts.append(Text(event.step, event.wall_time, value.text))
            elif value.number is not None and self._is_scalar(value.tag):
                self.stream.add(value.tag, Point(event.step, event.wall_time, value.number))
        if event.session is not None:
            self.stream.sessions.append(event.session)
        if self.stream.generation != generation:
            self._layouts.clear()

    def _is_scalar(self, tag: str) -> bool:
        return self._plugins.get(tag, _SCALARS_PLUGIN) in _SCALAR_PLUGINS

    def _layout(self, template: Template | None) -> Layout | None:
        """Return the layout of `template` for this file, or None if it has none."""
        if template is None:
            return None
        if template not in self._layouts:
            for tag, plugin in template.plugins.items():
                self._plugins.setdefault(tag, plugin)
            scalars_only = all(self._is_scalar(tag) for tag in template.tags)
            self._layouts[template] = Layout(template, self.stream) if scalars_only else None
        return self._layouts[template]
