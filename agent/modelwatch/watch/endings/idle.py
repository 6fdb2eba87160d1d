"""Nothing is written any more: the sign for those who can neither see the training's processes nor be told."""

from __future__ import annotations

from collections.abc import Collection

from modelwatch.watch.endings.activity import Activity


class Idle:
    """
    Waits until nothing has been written for a time, counted from the sidecar's start when nothing ever is.

    Args:
        activity: What is written.

        idle_seconds: Longer than the training ever pauses between two checkpoints or logged values.
    """

    def __init__(self, activity: Activity, idle_seconds: float) -> None:
        self._activity = activity
        self._idle_seconds = idle_seconds

    def look(self) -> str | None:
        """Return that it is quiet, or None."""
        if self._activity.quiet_seconds() < self._idle_seconds:
            return None
        return f"nothing was written for {self._idle_seconds:g} s"

    def descriptors(self) -> Collection[int]:
        """Return nothing: it is looked at every now and then."""
        return ()

    def close(self) -> None:
        """Do nothing."""
