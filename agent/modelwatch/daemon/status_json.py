"""What an agent has seen and done, as one JSON object: `modelwatch status --json` and ``/status`` give the same."""

from __future__ import annotations

from modelwatch.core.json import JsonValue
from modelwatch.daemon.status import Status
from modelwatch.journal.rows import CandidateRow, Delivery


def status_json(status: Status) -> JsonValue:
    """Return the status, with as many checkpoints and deliveries as were read."""
    return {
        "state_folder": str(status.folder),
        "running": status.running,
        "agent": dict(status.agent),
        "waiting": status.waiting,
        "short_of_room": None if status.short_of_room is None else dict(status.short_of_room),
        "last_error": status.figures.last_error or None,
        "counts": dict(status.figures.checkpoints),
        "checkpoints": [_candidate_json(row) for row in status.candidates],
        "deliveries": [_delivery_json(delivery) for delivery in status.deliveries],
        "skipped": [{"path": path, "reason": reason} for path, reason in status.skipped],
        "log_problems": [{"path": path, "reason": reason} for path, reason in status.log_problems],
    }


def kind(delivery: Delivery) -> str:
    """Return what a delivery does."""
    return "register" if delivery.amendment is None else "amend"


def _candidate_json(row: CandidateRow) -> JsonValue:
    return {
        "checkpoint": row.root,
        "format": row.format,
        "state": row.state.value,
        "reason": row.reason,
        "step": row.step,
        "epoch": row.epoch,
        "files": [member.path for member in row.members],
        "size": sum(member.size for member in row.members),
        "seen": row.seen,
        "moved": row.moved,
        "registration": row.registration,
    }


def _delivery_json(delivery: Delivery) -> JsonValue:
    return {
        "registration": delivery.registration.key,
        "checkpoint": delivery.registration.root,
        "model": delivery.registration.model,
        "kind": kind(delivery),
        "sink": delivery.sink,
        "state": delivery.state.value,
        "attempts": delivery.attempts,
        "not_before": delivery.not_before,
        "last_error": delivery.last_error,
        "receipt": delivery.receipt.to_json() if delivery.receipt else None,
        "moved": delivery.moved,
    }
