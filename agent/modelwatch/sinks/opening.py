"""From the `--repository` option to the sinks that it means, and back."""

from __future__ import annotations

from modelwatch.client.address import is_server
from modelwatch.config.settings import Settings
from modelwatch.core.errors import UsageError
from modelwatch.sinks.base import Sink
from modelwatch.sinks.embedded import EmbeddedSink


def open_sinks(settings: Settings) -> tuple[Sink, ...]:
    """
    Return the sinks that versions are delivered to. Opens nothing yet.

    Raises:
        UsageError: The address is of a kind that this version cannot talk to.
    """
    repository = settings.repository
    if is_server(repository):
        from modelwatch.sinks.http import HttpSink  # noqa: PLC0415 - 11 MB of memory that an agent whose repository is a folder goes without

        return (HttpSink(repository, settings.team, settings.api_key),)
    if "://" in repository:
        scheme = repository.partition(":")[0]
        raise UsageError(
            f"cannot register with {repository}: {scheme} repositories are not supported",
            hint="give a folder, or a server's address",
        )
    return (EmbeddedSink(repository),)


def repository_of(sink_name: str) -> str:
    """Return which repository the sink of this name registers with, for people."""
    kind, _, where = sink_name.partition(":")
    return where.partition("#")[0] if kind == "http" else where


def options_for(sink_name: str) -> list[str]:
    """Return the options that a command is to be given for its deliveries to reach the sink of this name."""
    kind, _, where = sink_name.partition(":")
    team = where.partition("#")[2]
    return ["--repository", repository_of(sink_name), *(["--team", team] if kind == "http" else [])]
