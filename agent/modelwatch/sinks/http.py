"""A team's server as a sink."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from modelwatch.client.about import About, about
from modelwatch.client.connection import Connection, Patience
from modelwatch.client.registering import receipt_of, register
from modelwatch.client.sending import Sender
from modelwatch.core.entities import Amendment, Receipt, Registration, RunReport, Snapshot, Storage
from modelwatch.core.errors import AccessError, ModelwatchError, NotFoundError, PermanentError, TransientError

_MENDED_SECONDS = 300.0
"""Between two tries of what somebody has to mend on the server or in the options: a key, a team, a role."""

_REPORT_PATIENCE = Patience(connect=3.0, answer=5.0)


class HttpSink:
    """
    Registers with a server, as one team.

    What the server refuses because of the key or the team is kept and tried again: an operator can mend both.

    Args:
        address: Of the server.

        team: Whose models.

        key: The API key, or None.

        patience: How long is waited for the server, or None for what is usual.

    Attributes:
        name: ``http:``, the address, ``#`` and the team.
    """

    def __init__(self, address: str, team: str, key: str | None = None, *, patience: Patience | None = None) -> None:
        self._connection = Connection(address, key, patience=patience)
        self._sender = Sender(self._connection, team)
        self._team = team
        self.name = f"http:{self._connection.url}#{team}"

    def register(self, registration: Registration, snapshot: Snapshot | None) -> Receipt:
        """Make the version, or return the receipt of the one that has this key already. Raise as `Sink.register`."""
        if snapshot is not None and snapshot.manifest != registration.manifest:
            raise PermanentError(f"the snapshot {snapshot.folder} is not of the files to be registered")
        files = None
        if snapshot is not None and registration.storage is Storage.COPY:
            files = {entry.digest: Path(snapshot.folder, entry.path) for entry in registration.manifest.entries}
        with _as_sinks_tell():
            return register(self._connection, self._sender, registration, files, lambda _count: None)

    def amend(self, amendment: Amendment) -> Receipt:
        """Replace the metrics of a registered version. Raise as `Sink.amend`."""
        with _as_sinks_tell():
            path = self._connection.path("teams", amendment.team, "amendments", amendment.key)
            return receipt_of(self._connection, self._connection.request("PUT", path, body=amendment.to_json()).value)

    def report(self, report: RunReport) -> None:
        """Tell how a training goes on. Raise as `Sink.report`."""
        with _as_sinks_tell():
            path = self._connection.path("teams", report.team, "runs")
            self._connection.request("PUT", path, body=report.to_json(), patience=_REPORT_PATIENCE)

    def check(self) -> str:
        """Say which server it is and as whom it knows us. Makes nothing. Raise as `Sink.check`."""
        with _as_sinks_tell():
            found: About = about(self._connection)
            found.require_writer(self._team)
        return f"{self._connection.url}, modelwatch {found.version}, team {self._team}, {found.who}"

    def close(self) -> None:
        """Break off what is being sent and let go of the connections."""
        self._connection.close()


@contextlib.contextmanager
def _as_sinks_tell() -> Iterator[None]:
    """Turn every error into one of the two kinds that a publisher understands."""
    try:
        yield
    except (TransientError, PermanentError):
        raise
    except (AccessError, NotFoundError) as error:
        raise TransientError(error.message, hint=error.hint, retry_after_seconds=_MENDED_SECONDS) from error
    except ModelwatchError as error:
        raise PermanentError(error.message, hint=error.hint) from error
