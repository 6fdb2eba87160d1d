"""
The durable outbox.

A model version exists once `Journal.commit` returns. Before that everything can be redone from the disk; after it the deliveries that
the same transaction made are attempted until each sink has taken or refused them.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from modelwatch.core import steps
from modelwatch.core.clock import Clock
from modelwatch.core.entities import Amendment, CheckpointState, Metric, Receipt, Registration
from modelwatch.core.json import JsonValue, dumps, loads
from modelwatch.journal.connection import connect, immediate, rows
from modelwatch.journal.figures import Figures, read_change_mark, read_figures
from modelwatch.journal.outcomes import read_outcomes
from modelwatch.journal.redirecting import redirect
from modelwatch.journal.rows import CandidateRow, Delivery, candidate_of, delivery_of, members_of, members_text
from modelwatch.journal.states import CandidateState, DeliveryState
from modelwatch.journal.trail import Members, Trail

NO_LIMIT: Final = -1
"""As SQLite has it."""

_DELIVERY_COLUMNS = """
    d.id, d.sink, d.body AS amendment, d.state, d.attempts, d.not_before, d.last_error, d.receipt, d.moved,
    r.body AS registration, r.snapshot, r.base
    FROM deliveries d JOIN registrations r ON r.key = d.registration
"""

_UNDELIVERED = """
    d.state IN ('PENDING', 'SENDING') AND NOT (d.kind = 'amend' AND EXISTS (SELECT 1 FROM deliveries f
    WHERE f.registration = d.registration AND f.sink = d.sink AND f.kind = 'register' AND f.state = 'REJECTED'))
"""
"""What is still to arrive: an amendment of a version that was refused is not, unless the version is tried again."""

_BEHIND = """
    d.kind = 'amend' AND EXISTS (SELECT 1 FROM deliveries e WHERE e.registration = d.registration AND e.sink = d.sink
    AND e.id < d.id AND e.state IN ('PENDING', 'SENDING'))
"""
"""What waits for an earlier delivery of the same version: the version itself, or an amendment, each of which replaces all metrics."""

_DROP_SUPERSEDED = """
    DELETE FROM deliveries WHERE kind = 'amend' AND state IN ('PENDING', 'REJECTED') AND EXISTS (SELECT 1 FROM deliveries later
    WHERE later.registration = deliveries.registration AND later.sink = deliveries.sink AND later.kind = 'amend'
    AND later.id > deliveries.id)
"""
"""An amendment that is followed by another one is not sent, or tried again: what is sent last must be what was known last."""


class Journal:
    """
    The journal of one state folder. A context manager. Belongs to the thread that opened it; open one for each thread.

    Every method raises StateError when the database cannot be read or written.
    """

    def __init__(self, path: Path, clock: Clock, *, create: bool = True) -> None:
        self._connection = connect(path, create=create)
        self._clock = clock

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the database."""
        self._connection.close()

    def _rows(self, query: str, parameters: Sequence[object] = ()) -> list[sqlite3.Row]:
        return rows(self._connection, query, parameters)

    # ------------------------------------------------------------------------------------------------------------- facts

    def fact(self, name: str) -> JsonValue:
        """Return a remembered value, or None."""
        return next((loads(row["value"]) for row in self._rows("SELECT value FROM facts WHERE name = ?", (name,))), None)

    def remember(self, name: str, value: JsonValue) -> None:
        """Remember a value durably."""
        with immediate(self._connection):
            self._connection.execute(
                "INSERT INTO facts (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
                (name, dumps(value)),
            )

    def remember_first(self, name: str, value: JsonValue) -> JsonValue:
        """Remember a value unless one is there already; return the one that is there now."""
        with immediate(self._connection):
            self._connection.execute("INSERT INTO facts (name, value) VALUES (?, ?) ON CONFLICT DO NOTHING", (name, dumps(value)))
        return self.fact(name)

    # -------------------------------------------------------------------------------------------------------- candidates

    def record(self, trails: Iterable[Trail]) -> None:
        """Write the pending moves of `trails`, all or none."""
        waiting = [trail for trail in trails if trail.pending]
        if not waiting:
            return
        with immediate(self._connection):
            rows = [self._write_trail(trail) for trail in waiting]
        for trail, row in zip(waiting, rows, strict=True):
            trail.row = row
            trail.pending.clear()

    def _write_trail(self, trail: Trail) -> int:
        row = trail.row
        for move in trail.pending:
            if row is None:
                row = self._connection.execute(
                    "INSERT INTO candidates (format, root, state, reason, members, seen, moved) VALUES (?, ?, ?, ?, '[]', ?, ?)",
                    (trail.format, dumps(trail.root), move.state.value, move.reason, move.at, move.at),
                ).lastrowid
            elif self._state_of(row) == move.state.value:
                self._connection.execute("UPDATE candidates SET reason = ?, moved = ? WHERE id = ?", (move.reason, move.at, row))
            else:
                self._connection.execute(
                    "UPDATE candidates SET state = ?, reason = ?, moved = ? WHERE id = ?",
                    (move.state.value, move.reason, move.at, row),
                )
        if row is None:
            raise ValueError("a trail without moves cannot be written")
        self._connection.execute(
            "UPDATE candidates SET members = ?, step = ?, epoch = ? WHERE id = ?",
            (members_text(trail.members), trail.step, trail.epoch, row),
        )
        return row

    def _state_of(self, row: int) -> str:
        state = self._connection.execute("SELECT state FROM candidates WHERE id = ?", (row,)).fetchone()["state"]
        return str(state)

    def candidates(
        self, states: Collection[CandidateState] = tuple(CandidateState), *, limit: int = NO_LIMIT
    ) -> list[CandidateRow]:
        """Return the latest generations of candidates that are in one of `states`, at most `limit`, oldest first."""
        places = ", ".join("?" * len(states))
        found = self._rows(
            f"SELECT * FROM candidates WHERE state IN ({places}) ORDER BY id DESC LIMIT ?",  # noqa: S608 - question marks
            (*(state.value for state in states), limit),
        )
        return [candidate_of(row) for row in reversed(found)]

    def journalled(self) -> Mapping[tuple[str, str], Members]:
        """Return the files of the latest journalled generation of each (format, root)."""
        found = self._rows(
            "SELECT format, root, members FROM candidates WHERE id IN"
            " (SELECT max(id) FROM candidates WHERE state = 'JOURNALLED' GROUP BY format, root)"
        )
        return {(row["format"], loads(row["root"])): members_of(row["members"]) for row in found}

    def abandon_unfinished(self, reason: str) -> int:
        """Move what an earlier agent had not finished to GONE: a new scan sees it again if it is still there. Return how many."""
        with immediate(self._connection):
            cursor = self._connection.execute(
                "UPDATE candidates SET state = 'GONE', reason = ?, moved = ? WHERE state NOT IN ('JOURNALLED', 'GONE')",
                (reason, self._clock.now()),
            )
        return cursor.rowcount

    # ----------------------------------------------------------------------------------------------------- registrations

    def commit(  # noqa: PLR0913 - the columns of one row
        self,
        trail: Trail,
        registration: Registration,
        *,
        snapshot: str | None,
        base: str,
        sinks: Sequence[str],
        metrics_open: bool,
    ) -> bool:
        """
        Make a model version: the commit point.

        In one transaction: the registration, one delivery for each sink, and the candidate's move to JOURNALLED. A registration that
        has the same key already is left as it is, and the candidate then refers to it.

        Returns:
            Whether the registration is new. If not, the caller may discard the snapshot.
        """
        key = registration.key
        now = self._clock.now()
        with immediate(self._connection):
            cursor = self._connection.execute(
                "INSERT INTO registrations (key, body, snapshot, base, committed, metrics_open) VALUES (?, ?, ?, ?, ?, ?)"
                " ON CONFLICT DO NOTHING",
                (key, dumps(registration.to_json()), snapshot, dumps(base), now, int(metrics_open)),
            )
            new = cursor.rowcount == 1
            if new:
                self._connection.executemany(
                    "INSERT INTO deliveries (registration, sink, kind, identity, state, moved) VALUES (?, ?, 'register', ?, 'PENDING', ?)",
                    [(key, sink, key, now) for sink in sinks],
                )
            row = self._write_trail(trail) if trail.pending else trail.row
            self._connection.execute(
                "UPDATE candidates SET state = 'JOURNALLED', reason = '', moved = ?, registration = ? WHERE id = ?", (now, key, row)
            )
            steps.reached("journal.before-commit")
        steps.reached("journal.committed")
        trail.row = row
        trail.pending.clear()
        trail.state = CandidateState.JOURNALLED
        return new

    def open_registrations(self) -> list[tuple[Registration, float]]:
        """Return the registrations whose metrics may still change, each with the time of its commit, oldest first."""
        found = self._rows("SELECT body, committed FROM registrations WHERE metrics_open = 1 ORDER BY committed")
        return [(Registration.from_json(loads(row["body"])), row["committed"]) for row in found]

    def amend(self, registration: Registration, metrics: tuple[Metric, ...] | None, *, metrics_open: bool) -> None:
        """
        Note what became known about a version's metrics after its commit.

        Args:
            registration: As `open_registrations` gave it.

            metrics: All metrics now known, or None when they are the same as before. New ones are delivered to every sink.

            metrics_open: Whether more may come.
        """
        key = registration.key
        now = self._clock.now()
        with immediate(self._connection):
            if metrics is not None:
                body = registration.with_metrics(metrics)
                [row] = self._connection.execute(
                    "UPDATE registrations SET body = ?, revision = revision + 1 WHERE key = ? RETURNING revision",
                    (dumps(body.to_json()), key),
                ).fetchall()
                amendment = Amendment(registration.team, registration.model, key, metrics, row["revision"])
                self._connection.execute(
                    "INSERT INTO deliveries (registration, sink, kind, identity, body, state, moved)"
                    " SELECT registration, sink, 'amend', ?, ?, 'PENDING', ? FROM deliveries WHERE registration = ? AND kind = 'register'",
                    (amendment.key, dumps(amendment.to_json()), now, key),
                )
                self._connection.execute(f"{_DROP_SUPERSEDED} AND registration = ?", (key,))
            self._connection.execute("UPDATE registrations SET metrics_open = ? WHERE key = ?", (int(metrics_open), key))
        steps.reached("journal.amended")

    # -------------------------------------------------------------------------------------------------------- deliveries

    def recover_deliveries(self, sink: str | None = None) -> int:
        """
        Move what was being sent, by an agent that died or to a sink whose answer could not be written down, back to PENDING.

        The sink answers the same key with the same receipt.

        Args:
            sink: Of this sink only; of all when None.

        Returns:
            How many.
        """
        with immediate(self._connection):
            cursor = self._connection.execute(
                "UPDATE deliveries SET state = 'PENDING', moved = ?, last_error = 'interrupted'"
                " WHERE state = 'SENDING' AND sink = coalesce(?, sink)",
                (self._clock.now(), sink),
            )
            self._connection.execute(_DROP_SUPERSEDED)
        return cursor.rowcount

    def next_delivery(self, sink: str) -> Delivery | None:
        """
        Claim the oldest due delivery for `sink` by moving it from PENDING to SENDING.

        An amendment waits until its version has been delivered, and so have the amendments before it: each replaces all metrics.
        """
        now = self._clock.now()
        with immediate(self._connection):
            row = self._connection.execute(
                f"SELECT {_DELIVERY_COLUMNS} WHERE d.sink = :sink AND d.state = 'PENDING' AND d.not_before <= :now"  # noqa: S608 - constant columns
                " AND (d.kind = 'register' OR EXISTS (SELECT 1 FROM deliveries f WHERE f.registration = d.registration"
                "      AND f.sink = d.sink AND f.kind = 'register' AND f.state = 'DELIVERED'))"
                f" AND NOT ({_BEHIND})"
                " ORDER BY d.id LIMIT 1",
                {"sink": sink, "now": now},
            ).fetchone()
            if row is None:
                return None
            self._connection.execute(
                "UPDATE deliveries SET state = 'SENDING', attempts = attempts + 1, moved = ? WHERE id = ?", (now, row["id"])
            )
        return delivery_of(row)

    def delivered(self, delivery: Delivery, receipt: Receipt) -> str | None:
        """
        Note that the sink has it.

        Returns:
            The id of the snapshot that no delivery needs any more, to be discarded; None while one does.
        """
        with immediate(self._connection):
            self._connection.execute(
                "UPDATE deliveries SET state = 'DELIVERED', receipt = ?, last_error = '', moved = ? WHERE id = ? AND state = 'SENDING'",
                (dumps(receipt.to_json()), self._clock.now(), delivery.id),
            )
            released = self._connection.execute(
                "UPDATE registrations SET snapshot = NULL WHERE key = ? AND snapshot IS NOT NULL AND NOT EXISTS"
                " (SELECT 1 FROM deliveries WHERE registration = registrations.key AND kind = 'register' AND state != 'DELIVERED')"
                " RETURNING 1",
                (delivery.registration.key,),
            ).fetchall()
        steps.reached("journal.delivered")
        return delivery.snapshot if released else None

    def postpone(self, delivery: Delivery, error: str, not_before: float) -> None:
        """Note that the delivery failed and will be tried again at `not_before`."""
        self._end_attempt(delivery, DeliveryState.PENDING, error, not_before)

    def reject(self, delivery: Delivery, error: str) -> None:
        """Note that the delivery can never succeed as it is. It is kept, with its files, and shown."""
        self._end_attempt(delivery, DeliveryState.REJECTED, error, 0.0)

    def _end_attempt(self, delivery: Delivery, state: DeliveryState, error: str, not_before: float) -> None:
        with immediate(self._connection):
            self._connection.execute(
                "UPDATE deliveries SET state = ?, last_error = ?, not_before = ?, moved = ? WHERE id = ? AND state = 'SENDING'",
                (state.value, error, not_before, self._clock.now(), delivery.id),
            )
            self._connection.execute(f"{_DROP_SUPERSEDED} AND registration = ?", (delivery.registration.key,))

    def retry(self, *, rejected: bool) -> int:
        """Make what waits for a later time due now, and with `rejected` also what was refused. Return how many."""
        now = self._clock.now()
        with immediate(self._connection):
            count = self._connection.execute(
                "UPDATE deliveries SET not_before = 0 WHERE state = 'PENDING' AND not_before > ?", (now,)
            ).rowcount
            if rejected:
                count += self._connection.execute(
                    "UPDATE deliveries SET state = 'PENDING', not_before = 0, moved = ? WHERE state = 'REJECTED'", (now,)
                ).rowcount
        return count

    def redirect(self, sink: str) -> Mapping[str, int]:
        """
        Address to `sink` what other sinks were to get and have not got: versions, those that were refused too, with their amendments.

        An amendment of a version that another sink has stays where it is: there is nothing to amend here. Nothing may be being sent.

        Returns:
            For each other sink, how many deliveries have another address now.
        """
        with immediate(self._connection):
            return redirect(self._connection, sink, self._clock.now())

    def next_due(self, sink: str) -> float | None:
        """Return when (seconds since the epoch) the next delivery to `sink` may be tried, or None when none can be."""
        [row] = self._rows(
            f"SELECT min(d.not_before) AS due FROM deliveries d WHERE d.sink = ? AND {_UNDELIVERED} AND NOT ({_BEHIND})",  # noqa: S608 - constant conditions
            (sink,),
        )
        return None if row["due"] is None else float(row["due"])

    def undelivered(self) -> Mapping[str, int]:
        """Return, for each sink that waits for any, how many deliveries have neither arrived nor been refused."""
        found = self._rows(
            f"SELECT d.sink, count(*) AS number FROM deliveries d WHERE {_UNDELIVERED} GROUP BY d.sink ORDER BY d.sink"  # noqa: S608 - constant condition
        )
        return {row["sink"]: row["number"] for row in found}

    def registered_elsewhere(self, sinks: Sequence[str]) -> Mapping[str, int]:
        """Return, for each sink, how many versions it was to get that none of `sinks` was."""
        places = ", ".join("?" * len(sinks))
        found = self._rows(
            "SELECT sink, count(*) AS number FROM deliveries WHERE kind = 'register' AND registration NOT IN"  # noqa: S608 - question marks
            f" (SELECT registration FROM deliveries WHERE sink IN ({places})) GROUP BY sink ORDER BY sink",
            sinks,
        )
        return {row["sink"]: row["number"] for row in found}

    def deliveries(self, *, limit: int = NO_LIMIT) -> list[Delivery]:
        """Return the latest deliveries, at most `limit`, oldest first."""
        found = self._rows(f"SELECT {_DELIVERY_COLUMNS} ORDER BY d.id DESC LIMIT ?", (limit,))
        return [delivery_of(row) for row in reversed(found)]

    def needed_snapshots(self) -> frozenset[str]:
        """Return the ids of the snapshots that a delivery still needs."""
        return frozenset(row["snapshot"] for row in self._rows("SELECT snapshot FROM registrations WHERE snapshot IS NOT NULL"))

    def figures(self) -> Figures:
        """Return how many of everything there are."""
        return read_figures(self._connection)

    def outcomes(self, sink: str, *, since: float, limit: int) -> tuple[CheckpointState, ...]:
        """Return what became of the newest checkpoints, as `read_outcomes` does."""
        return read_outcomes(self._connection, sink, since=since, limit=limit)

    def change_mark(self) -> int:
        """Return a number that is another one once another connection has committed anything (SQLite's ``data_version``)."""
        return read_change_mark(self._connection)

    def events(self, limit: int) -> Iterator[Mapping[str, JsonValue]]:
        """Give the latest `limit` moves, newest first."""
        for row in self._rows("SELECT * FROM events ORDER BY id DESC LIMIT ?", (limit,)):
            yield dict(row)
