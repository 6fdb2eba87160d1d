"""
From pinned files to a journal row: the second half of the pipeline.

    verify the pin → seal (hash, fsync) → join metrics → journal

Belongs to the registrar thread, so that hashing a large checkpoint never delays the pinning of the next one. The journal row is the commit
point: killed before it, a new scan finds the checkpoint again; killed after it, the publisher goes on.
"""

from __future__ import annotations

import posixpath
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from modelwatch.core import log, steps
from modelwatch.core.clock import Clock
from modelwatch.core.entities import (
    Checkpoint,
    Lifetime,
    Manifest,
    ManifestEntry,
    Metric,
    Provenance,
    Registration,
    Storage,
    Verdict,
    VerdictKind,
)
from modelwatch.core.json import JsonValue
from modelwatch.daemon.work import Outcome, Pinned, back_to_seen
from modelwatch.formats.custom import custom_metrics
from modelwatch.journal.journal import Journal
from modelwatch.journal.states import CandidateState
from modelwatch.metrics.join import Joined
from modelwatch.snapshot.take import SourceChangedError, hash_in_place

LATE_SECONDS = 3600.0
"""How long after a version's commit the values of its evaluation are waited for; longer evaluations of a training are not known."""


class Join(Protocol):
    """Finds the metrics of a checkpoint."""

    def __call__(self, checkpoint: Checkpoint, directory: str, committed: float, *, final: bool) -> Joined:
        """
        Return them as `modelwatch.metrics.join.join` does.

        Args:
            checkpoint: The checkpoint.

            directory: Of the checkpoint, relative to the model path.

            committed: When it was complete, seconds since the epoch.

            final: Nothing better will come.
        """


@dataclass(frozen=True, slots=True)
class Identity:
    """
    What every registration of one agent has in common.

    Attributes:
        team: The owner of the models.
        model: The model's name.
        provenance: Run, experiment, project, host.
        lifetime: Of its versions.
        storage: Whether the repository copies their files.
        model_path: Absolute path that candidates are relative to.
        notes: For each version.
        metadata: What is known of the training from outside: git commit, …
    """

    team: str
    model: str
    provenance: Provenance
    lifetime: Lifetime
    storage: Storage
    model_path: str
    notes: str
    metadata: Mapping[str, JsonValue]


@dataclass(frozen=True, slots=True)
class Registrar:
    """
    The registrar's half of the pipeline.

    Attributes:
        journal: Opened by the registrar thread.
        identity: What all registrations have in common.
        sinks: Names of the sinks that each version is delivered to.
        join: Finds the metrics of a checkpoint.
        clock: For the journal's times.
    """

    journal: Journal
    identity: Identity
    sinks: Sequence[str]
    join: Join
    clock: Clock

    def register(self, pinned: Pinned) -> Outcome:
        """
        Verify a pinned candidate and make it a version.

        Returns:
            Whether it was journalled, or why not. Its pin is sealed then, or discarded.

        Raises:
            StateError: The journal or the snapshot cannot be written; the candidate may be given again.
        """
        verdict = self._verify(pinned)
        if verdict.kind is not VerdictKind.COMPLETE or verdict.checkpoint is None:
            return self._refuse(pinned, f"{verdict.kind.value}: {verdict.reason}")
        checkpoint = verdict.checkpoint
        trail = pinned.trail
        if trail.state is CandidateState.SETTLING:
            trail.step, trail.epoch = checkpoint.step, checkpoint.epoch
            trail.move(CandidateState.COMPLETE, self.clock.now())
        steps.reached("registrar.verified")
        base = posixpath.dirname(checkpoint.root)
        try:
            manifest = _below(base, self._manifest(pinned, checkpoint))
        except SourceChangedError as error:
            return self._refuse(pinned, f"changed while it was being copied: {error}")
        if trail.state is CandidateState.COMPLETE:
            trail.move(CandidateState.SNAPSHOTTED, self.clock.now())
        steps.reached("registrar.snapshotted")
        registration, metrics_open = self._registration(pinned, checkpoint, manifest)
        new = self.journal.commit(
            trail,
            registration,
            snapshot=None if pinned.pin is None else pinned.pin.id,
            base=base,
            sinks=self.sinks,
            metrics_open=metrics_open,
        )
        if not new and pinned.pin is not None and pinned.pin.id not in self.journal.needed_snapshots():
            pinned.pin.discard()  # not when the row is this very one's: a commit that seemed to fail may have taken effect
        return Outcome(pinned)

    def amend(self, *, final: bool) -> int:
        """
        Join the metrics of every version that waits for later values again.

        Args:
            final: Training has ended and its last scalars have been read: nothing more will come.

        Returns:
            How many versions got new values.
        """
        amended = 0
        for registration, committed in self.journal.open_registrations():
            checkpoint = Checkpoint(
                registration.format,
                registration.model_type,
                registration.root,
                tuple(entry.path for entry in registration.manifest.entries),
                registration.step,
                registration.epoch,
                registration.metadata,
            )
            over = final or self.clock.now() - committed >= LATE_SECONDS
            joined = self.join(checkpoint, posixpath.dirname(registration.root), registration.created, final=over)
            metrics = _merged(joined.metrics, registration.metrics)
            still_open = joined.pending and not over
            if not _same(metrics, registration.metrics):
                amended += 1
                self.journal.amend(registration, metrics, metrics_open=still_open)
            elif not still_open:
                self.journal.amend(registration, None, metrics_open=False)
        return amended

    # ----------------------------------------------------------------------------------------------------------------- steps

    def _verify(self, pinned: Pinned) -> Verdict:
        folder = self.identity.model_path if pinned.pin is None else pinned.pin.folder
        verdict = pinned.format.inspect(str(folder), pinned.candidate, deep=True)
        if verdict.only_order and pinned.order_forgiven and verdict.checkpoint is not None:
            metadata = {**verdict.checkpoint.metadata, "accepted_despite": verdict.reason}
            return Verdict.complete(replace(verdict.checkpoint, metadata=metadata))
        return verdict

    def _manifest(self, pinned: Pinned, checkpoint: Checkpoint) -> Manifest:
        if pinned.pin is not None:
            return pinned.pin.seal(checkpoint.members).manifest
        members = [stat for stat in pinned.candidate.members if stat.path in checkpoint.members]
        return hash_in_place(self.identity.model_path, members)

    def _registration(self, pinned: Pinned, checkpoint: Checkpoint, manifest: Manifest) -> tuple[Registration, bool]:
        identity = self.identity
        created = max(stat.mtime_ns for stat in pinned.candidate.members if stat.path in checkpoint.members) / 1e9
        base = posixpath.dirname(checkpoint.root)
        joined = self.join(checkpoint, base, created, final=False)
        reported = _reported(checkpoint, created)
        registration = Registration(
            team=identity.team,
            model=identity.model,
            model_type=checkpoint.model_type,
            format=checkpoint.format,
            root=checkpoint.root,
            manifest=manifest,
            provenance=identity.provenance,
            created=created,
            step=checkpoint.step,
            epoch=checkpoint.epoch,
            metrics=_merged(joined.metrics, reported),
            metadata={**checkpoint.metadata, **identity.metadata},
            lifetime=identity.lifetime,
            storage=identity.storage,
            source=posixpath.join(identity.model_path, base),
            notes=identity.notes,
        )
        return registration, joined.pending

    def _refuse(self, pinned: Pinned, reason: str) -> Outcome:
        if pinned.pin is not None:
            pinned.pin.discard()
        back_to_seen(pinned.trail, self.clock.now(), reason)
        pinned.trail.explain(self.clock.now(), reason)
        self.journal.record([pinned.trail])
        log.debug("refused", root=pinned.candidate.root, format=pinned.format.name, why=reason)
        return Outcome(pinned, reason)


def _below(base: str, manifest: Manifest) -> Manifest:
    """Return the manifest with paths relative to `base`, a folder that holds all of them."""
    if not base:
        return manifest
    start = len(base) + 1
    return Manifest(tuple(ManifestEntry(entry.path[start:], entry.size, entry.digest) for entry in manifest.entries))


def _reported(checkpoint: Checkpoint, created: float) -> tuple[Metric, ...]:
    """Return the numbers that a custom model's own metadata file tells: not joined, but said by the training itself."""
    gradient = checkpoint.metadata.get("gradient")
    return tuple(
        Metric(key, "reported", value, checkpoint.step or 0, created, run="", tag=key, join="metadata")
        for key, value in custom_metrics(gradient).items()
    )


def _same(metrics: tuple[Metric, ...], known: tuple[Metric, ...]) -> bool:
    """Return whether two lists of metrics say the same, NaN being the same as NaN: it is what a diverging training logs."""
    return [metric.to_json() for metric in metrics] == [metric.to_json() for metric in known]


def _merged(joined: tuple[Metric, ...], known: tuple[Metric, ...]) -> tuple[Metric, ...]:
    """Return the joined metrics and those known ones that no joined one replaces: a value once seen is not taken back."""
    have = {(metric.split, metric.key, metric.tag) for metric in joined}
    return joined + tuple(metric for metric in known if (metric.split, metric.key, metric.tag) not in have)
