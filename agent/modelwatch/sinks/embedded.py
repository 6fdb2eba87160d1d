"""The embedded repository as a sink: a directory, no server, no database."""

from __future__ import annotations

from pathlib import Path

from modelwatch.core.entities import Amendment, Receipt, Registration, RunReport, Snapshot
from modelwatch.core.errors import StateError, TransientError
from modelwatch.repository.opening import read_header
from modelwatch.repository.repository import Repository


class EmbeddedSink:
    """
    Registers with the repository in a directory, which the first registration or report makes.

    Attributes:
        name: ``directory:`` and the absolute path.
    """

    def __init__(self, root: Path | str) -> None:
        self._root = Path(root).absolute()
        self.name = f"directory:{self._root}"
        self._repository: Repository | None = None

    def _open(self) -> Repository:
        """Return the repository; once open it must stay the same one, so that a lost mount is noticed and not written over."""
        if self._repository is None:
            try:
                self._repository = Repository.open(self._root, create=True)
            except StateError as error:
                raise TransientError(error.message, hint=error.hint) from error
        return self._repository

    def register(self, registration: Registration, snapshot: Snapshot | None) -> Receipt:
        """Make the version, or return the receipt of the one that has this key already. Raise as `Sink.register`."""
        return self._open().register(registration, snapshot)

    def amend(self, amendment: Amendment) -> Receipt:
        """Replace the metrics of a registered version. Raise as `Sink.amend`."""
        return self._open().amend(amendment)

    def report(self, report: RunReport) -> None:
        """Put a report in the place of the run's earlier ones. Raise as `Sink.report`."""
        self._open().report(report)

    def check(self) -> str:
        """Say where the repository is and whether there is one yet. Makes nothing. Raise as `Sink.check`."""
        try:
            header = read_header(self._root)
        except StateError as error:
            raise TransientError(error.message, hint=error.hint) from error
        return f"{self._root}, {'made by the first registration' if header is None else f'repository {header.id}'}"

    def close(self) -> None:
        """Let go of the repository."""
        self._repository = None
