"""Files that training leaves among its models and that are no models: TensorBoard's, logs and the list of checkpoints."""

from __future__ import annotations

from typing import Final

_LOG_SUFFIXES: Final = (".log", ".out", ".err", ".pid", ".lock")
STATE_NAME: Final = "checkpoint"
"""TensorFlow's list of the checkpoints in a folder."""


def is_event_file(name: str) -> bool:
    """Return whether a file is TensorBoard's: ``events.out.tfevents.…`` and what its profiler writes."""
    return "tfevents" in name or name.endswith((".profile-empty", ".xplane.pb", ".trace.json.gz"))


def is_log(name: str) -> bool:
    """Return whether a file is a running account of a program."""
    return name.endswith(_LOG_SUFFIXES)
