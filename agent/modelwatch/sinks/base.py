"""What every sink answers. `modelwatch.testing.SinkContract` holds each one to it."""

from __future__ import annotations

from typing import Protocol

from modelwatch.core.entities import Amendment, Receipt, Registration, RunReport, Snapshot


class Sink(Protocol):
    """
    A place that model versions are registered with. One publisher thread owns one sink.

    Attributes:
        name: Names the sink in the journal and in `modelwatch status`; stable for one destination.
    """

    name: str

    def register(self, registration: Registration, snapshot: Snapshot | None) -> Receipt:
        """
        Make the version, or return the receipt of the one that has this key already.

        Nothing of the version is visible before all of it is. Killed anywhere and called again, it makes the version once.

        Args:
            registration: What to register.

            snapshot: The files; None when the registration's storage is `Storage.REFERENCE`.

        Raises:
            TransientError: It may work later: the far side cannot be reached, a disk is full.

            PermanentError: It can never work as it is.
        """

    def amend(self, amendment: Amendment) -> Receipt:
        """
        Replace the metrics of a registered version. The same amendment twice changes nothing the second time.

        Raises:
            TransientError: As `register`.

            PermanentError: The version does not exist or was deleted.
        """

    def report(self, report: RunReport) -> None:
        """
        Tell how a training goes on, in the place of what was told of the same run before. It makes no version and no model.

        Best effort: what is lost is not told again, for a newer report follows. The next registration waits until this returns, so it
        must give up within a few seconds. A sink that has no place for reports does nothing.

        Raises:
            TransientError: A later one may arrive.

            PermanentError: None ever will; the sink is told no more.
        """

    def check(self) -> str:
        """
        Say in one line where the sink is, after asking whether it answers. Makes nothing.

        Raises:
            TransientError, PermanentError: It does not answer, and what to do.
        """

    def close(self) -> None:
        """
        Let go of what is open; a second call does nothing.

        Any thread may call it. What another thread is doing with the sink fails soon, with TransientError, or succeeds.
        """
