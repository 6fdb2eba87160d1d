"""What all versions of one agent have in common: whose they are, and where their training comes from."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from modelwatch.config.settings import Settings
from modelwatch.core import log
from modelwatch.core.entities import Provenance
from modelwatch.core.errors import StateError
from modelwatch.core.json import JsonValue
from modelwatch.daemon.registrar import Identity
from modelwatch.journal.journal import Journal
from modelwatch.lineage.collect import collect


@dataclass(frozen=True, slots=True)
class Origin:
    """
    The training of one agent.

    Attributes:
        run: Identifies the training run.
        watched: Since when agents of this run watch here, seconds since the epoch.
        command: The training's, without secrets, or None when it is not known.
        began: When it began, seconds since the epoch, or None when it is not known.
    """

    run: str
    watched: float
    command: Sequence[str] | None = None
    began: float | None = None


def identity_of(settings: Settings, origin: Origin, journal: Journal) -> Identity:
    """
    Return what every registration of an agent tells alike.

    Args:
        settings: What the user asked for.

        origin: The training.

        journal: Remembers where the training came from for later agents of the same run.
    """
    lineage = _lineage(settings, origin, journal)
    return Identity(
        team=settings.team,
        model=settings.model_name,
        provenance=Provenance(origin.run, settings.experiment, settings.project, os.uname().nodename),
        lifetime=settings.lifetime,
        storage=settings.storage,
        model_path=os.path.realpath(settings.model_path),
        notes=settings.notes,
        metadata={"lineage": lineage} if lineage else {},
    )


def _lineage(settings: Settings, origin: Origin, journal: Journal) -> JsonValue:
    """Collect where the training comes from; a later agent of the same command must not tell of a commit that was made meanwhile."""
    known = collect(
        settings.git,
        settings.lineage_environment,
        os.environ,
        command=origin.command,
        directory=Path(os.getcwd()),  # noqa: PTH109 -- as the shell names it
    )
    if origin.command is None:
        return known
    try:
        return journal.remember_first(f"lineage of {origin.run}", known)
    except StateError as error:
        log.debug("the lineage is not remembered", why=error.message)  # a full disk: what is known now is as good
        return known
