"""From the `--repository` option to the sinks that it means."""

from __future__ import annotations

from modelwatch.core.errors import UsageError
from modelwatch.sinks.base import Sink
from modelwatch.sinks.embedded import EmbeddedSink


def open_sinks(repository: str) -> tuple[Sink, ...]:
    """
    Return the sinks that versions are delivered to. Opens nothing yet.

    Raises:
        UsageError: The address is of a kind that this version cannot talk to.
    """
    if "://" in repository:
        scheme = repository.partition(":")[0]
        raise UsageError(f"cannot register with {repository}: {scheme} repositories are not supported", hint="give a folder")
    return (EmbeddedSink(repository),)


def repository_of(sink_name: str) -> str:
    """Return what to give with `--repository` for deliveries to reach the sink of this name."""
    return sink_name.partition(":")[2]
