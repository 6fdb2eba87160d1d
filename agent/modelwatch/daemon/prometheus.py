"""The agent's figures, as Prometheus reads them."""

from __future__ import annotations

from collections.abc import Iterable

import modelwatch
from modelwatch.core.prometheus import Sample, family, process_families
from modelwatch.journal.figures import Figures
from modelwatch.journal.states import CandidateState, DeliveryState


def render(figures: Figures | None, *, ready: bool, snapshot_bytes: int, now: float) -> str:
    """
    Return all metrics.

    Args:
        figures: Of the journal, or None while there is none; what they would tell is then absent.

        ready: Whether everything that becomes complete is seen.

        snapshot_bytes: What the snapshots hold.

        now: Seconds since the epoch.
    """
    families = [
        family("modelwatch_build_info", "gauge", "The running version, as a label.", [({"version": modelwatch.__version__}, 1)]),
        family("modelwatch_ready", "gauge", "Whether everything that becomes complete is seen.", [({}, int(ready))]),
        *process_families(),
    ]
    if figures is not None:
        families += _journal(figures, snapshot_bytes, now)
    return "".join(families)


def _journal(figures: Figures, snapshot_bytes: int, now: float) -> Iterable[str]:
    checkpoints = [({"state": state.value}, figures.checkpoints.get(state.value, 0)) for state in CandidateState]
    yield family("modelwatch_checkpoints", "gauge", "Checkpoints seen, by state.", checkpoints)
    deliveries = [
        ({"sink": sink, "state": state.value}, figures.deliveries.get((sink, state.value), 0))
        for sink in sorted({sink for sink, _ in figures.deliveries})
        for state in DeliveryState
    ]
    yield family("modelwatch_deliveries", "gauge", "Versions and amendments on their way to each repository, by state.", deliveries)
    yield family("modelwatch_snapshot_bytes", "gauge", "Size of the snapshots of what is not delivered.", [({}, snapshot_bytes)])
    lag = 0.0 if figures.waiting_since is None else max(0.0, now - figures.waiting_since)
    yield family("modelwatch_lag_seconds", "gauge", "Age of the oldest version that has not arrived everywhere.", [({}, lag)])
    success: list[Sample] = [({}, figures.last_success)] if figures.last_success is not None else []
    yield family("modelwatch_last_success_timestamp_seconds", "gauge", "When something was last delivered.", success)
