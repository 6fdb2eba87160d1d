"""
A repository that trainings register with.

Many processes may use one directory at once. Writers hold the repository's lock shared, so that collecting garbage, which holds it
alone, cannot remove what they are about to refer to; and the lock of their model while they take a number or append an event.
Lock order: repository, then model. Readers take no lock.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator

from modelwatch.core.entities import Amendment, Receipt, Registration, RunReport, Snapshot, Storage
from modelwatch.core.errors import PermanentError, StateError, TransientError
from modelwatch.repository.events import MetricsReplaced
from modelwatch.repository.layout import LOCK, Place
from modelwatch.repository.opening import read_header
from modelwatch.repository.reading import find_number, read_subject
from modelwatch.repository.renaming import find_place
from modelwatch.repository.runs import write_report
from modelwatch.repository.storage.directory import DirectoryStorage, failures_are_transient
from modelwatch.repository.view import RepositoryView
from modelwatch.repository.writing import append_event, claim, receipt, require_blobs, store_blobs


def _as_it_is(_storage: DirectoryStorage, _place: Place, registration: Registration) -> Registration:
    return registration


class RegisteringRepository(RepositoryView):
    """A repository that exists, to be read and to be registered with."""

    @contextlib.contextmanager
    def changing(self) -> Iterator[None]:
        """
        Hold the repository's lock shared, having made sure that it is still the same one: a volume may have been unmounted.

        Raises:
            TransientError: It is gone, or a write inside failed.
        """
        with failures_are_transient(self.root):
            self.require_same()
            with self.storage.locked(LOCK, shared=True):
                yield

    def require_same(self) -> None:
        """Make sure that the repository is still the one that was opened. Raise TransientError."""
        try:
            header = read_header(self.root)
        except StateError as error:
            raise TransientError(error.message, hint=error.hint) from error
        if header is None or header.id != self.id:
            raise TransientError(f"the repository {self.root} is gone", hint="is its volume still mounted?")

    @contextlib.contextmanager
    def changing_model(self, place: Place) -> Iterator[None]:
        """Hold the lock of a model, inside `changing`."""
        with self.storage.locked(place.lock):
            yield

    @contextlib.contextmanager
    def changing_model_called(self, name: str, *, team: str) -> Iterator[Place]:
        """Hold the lock of the model of a name, inside `changing`, and give its place. Raise as `place_called`."""
        while True:
            place = self.place_called(name, team=team)
            with self.changing_model(place):
                if self.place_called(name, team=team) == place:  # no rename has given the name away before the lock was held
                    yield place
                    return

    def place_called(self, name: str, *, team: str) -> Place:
        """Return where the model of a name is, or would be. Raise PermanentError when a name is empty, OSError."""
        try:
            return find_place(self.storage, team, name)
        except ValueError as error:
            raise PermanentError(f"team {team!r}, model {name!r}: {error}") from error

    def register(self, registration: Registration, snapshot: Snapshot | None) -> Receipt:
        """
        Make a version, or return the receipt of the one that has this key already, even when that was deleted since.

        Args:
            registration: What to register.

            snapshot: The files; None for `Storage.REFERENCE`.

        Raises:
            PermanentError: A name is empty, or the snapshot does not hold the files.

            TransientError: The repository cannot be written now.
        """
        with self.changing():
            place = self.place_called(registration.model, team=registration.team)
            known = find_number(self.storage, place, registration.key)
            if known is not None:
                return receipt(self.storage, place, registration.model, known)
            if registration.storage is Storage.COPY:
                if snapshot is None:
                    raise PermanentError(
                        f"model {registration.model!r}: its files are to be copied but there is no snapshot of them"
                    )
                store_blobs(self.storage, registration.manifest, snapshot)
            with self.changing_model_called(registration.model, team=registration.team) as place:
                return claim(self.storage, place, registration, time.time())

    def register_stored(self, registration: Registration) -> Receipt:
        """
        Make a version of content that is in the repository already, or return a receipt as `register` does.

        Raises:
            MissingContentError: Some of the content is not there.

            PermanentError: A name is empty, or it is by reference.

            TransientError: The repository cannot be written now.
        """
        with self.changing():
            return self.claim_stored(registration)

    def claim_stored(
        self,
        registration: Registration,
        *,
        choose: Callable[[DirectoryStorage, Place, Registration], Registration] = _as_it_is,
    ) -> Receipt:
        """Do what `register_stored` does, inside `changing`; `choose` has the last word on the registration, its model's lock held."""
        with self.changing_model_called(registration.model, team=registration.team) as place:
            chosen = choose(self.storage, place, registration)
            known = find_number(self.storage, place, chosen.key)
            if known is not None:
                return receipt(self.storage, place, chosen.model, known)
            require_blobs(self.storage, chosen)
            return claim(self.storage, place, chosen, time.time())

    def amend(self, amendment: Amendment) -> Receipt:
        """
        Replace a version's metrics. The same amendment twice changes nothing the second time.

        Raises:
            PermanentError: There is no such version, or it was deleted.

            TransientError: The repository cannot be written now.
        """
        key = amendment.registration_key
        with self.changing():
            place = self.place_called(amendment.model, team=amendment.team)
            number = find_number(self.storage, place, key)
            if number is None:
                raise PermanentError(f"model {amendment.model!r} has no version with the registration {key}")
            with self.changing_model(place):
                subject = read_subject(self.storage, place, key)
                if subject.deleted:
                    raise PermanentError(f"model {amendment.model!r}: version {number} was deleted")
                if subject.replaced is None or subject.replaced.metrics != amendment.metrics:
                    append_event(self.storage, place, key, MetricsReplaced(time.time(), key, amendment.metrics))
            return receipt(self.storage, place, amendment.model, number)

    def report(self, report: RunReport) -> None:
        """
        Put a report in the place of the run's earlier ones. It makes no model: one without versions is not shown.

        Raises:
            PermanentError: A name is empty.

            TransientError: The repository cannot be written now.
        """
        with self.changing(), self.changing_model_called(report.model, team=report.team) as place:
            write_report(self.storage, place, report)
