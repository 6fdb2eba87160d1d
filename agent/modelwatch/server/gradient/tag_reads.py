"""
What Gradient's clients were told of a model's tags, so that what they send back is taken as the change that they mean.

The client adds and removes tags by reading all of them and writing all of them back; two that do so at once would undo one another. What
it was told tells which tags it adds and which it takes away. It says nothing that would tie a write to a read, so of several reads the one
is taken that it can have come from: adding gives a larger set, removing a smaller one.
"""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from collections.abc import Iterable

from modelwatch.core.clock import Clock

_LONGEST_SECONDS = 120.0
_MOST_READS = 16
_MOST_SUBJECTS = 4096

Tags = frozenset[str]


class TagReads:
    """
    The latest reads, in memory. May be used by many threads.

    Args:
        clock: The time; only its monotonic side is asked.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._reads: OrderedDict[tuple[str, str], deque[tuple[float, Tags]]] = OrderedDict()

    def told(self, who: str, model_id: str, tags: Iterable[str]) -> None:
        """Remember what somebody was told."""
        with self._lock:
            reads = self._reads.setdefault((who, model_id), deque(maxlen=_MOST_READS))
            reads.append((self._clock.monotonic(), frozenset(tags)))
            self._reads.move_to_end((who, model_id))
            while len(self._reads) > _MOST_SUBJECTS:
                self._reads.popitem(last=False)

    def change(self, who: str, model_id: str, wanted: Iterable[str], present: Iterable[str]) -> tuple[Tags, Tags]:
        """
        Return which tags somebody adds and which they take away who writes all of them.

        Args:
            who: As for `told`.

            model_id: As for `told`.

            wanted: What they write.

            present: The tags that there are: what they replace when they have read nothing that they can have changed into it.
        """
        tags = frozenset(wanted)
        since = self._clock.monotonic() - _LONGEST_SECONDS
        with self._lock:
            reads = [read for time, read in reversed(self._reads.get((who, model_id), ())) if time >= since]
        possible = [read for read in reads if read <= tags or read >= tags]
        before = min(possible, key=lambda read: len(read ^ tags), default=frozenset(present))
        return tags - before, before - tags
