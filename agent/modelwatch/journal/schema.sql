-- The journal, version 1. SQLite >= 3.37 (STRICT tables).
--
-- Text columns hold ASCII only: paths are JSON strings, so that names which are not UTF-8 survive.
-- Times are seconds since the epoch. Every allowed move of a state machine is a row of `moves`; a trigger refuses all others, and
-- another writes each move into `events`, so the history cannot disagree with the state.

CREATE TABLE facts (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL                 -- JSON
) STRICT, WITHOUT ROWID;

CREATE TABLE moves (
    machine    TEXT NOT NULL,           -- 'candidate' or 'delivery'
    from_state TEXT NOT NULL,
    to_state   TEXT NOT NULL,
    PRIMARY KEY (machine, from_state, to_state)
) STRICT, WITHOUT ROWID;

-- One model version to be. The row's commit is the moment from which the version exists.
CREATE TABLE registrations (
    key          TEXT PRIMARY KEY,      -- Registration.key
    body         TEXT NOT NULL,         -- Registration.to_json(), metrics as latest amended
    snapshot     TEXT,                  -- id in the snapshot store; NULL once every sink has the version, or for references
    base         TEXT NOT NULL,         -- folder inside the snapshot that the manifest's paths are relative to (JSON string)
    committed    REAL NOT NULL,
    metrics_open INTEGER NOT NULL,      -- 1 while values of a later evaluation may still come
    revision     INTEGER NOT NULL DEFAULT 0 -- Amendment.revision of the latest amendment
) STRICT, WITHOUT ROWID;

CREATE INDEX registrations_open ON registrations (metrics_open) WHERE metrics_open = 1;
CREATE INDEX registrations_snapshot ON registrations (snapshot) WHERE snapshot IS NOT NULL;

-- One generation of a checkpoint: a file that is written again after it was journalled is seen anew.
CREATE TABLE candidates (
    id           INTEGER PRIMARY KEY,
    format       TEXT NOT NULL,
    root         TEXT NOT NULL,         -- JSON string
    state        TEXT NOT NULL,
    reason       TEXT NOT NULL DEFAULT '',
    members      TEXT NOT NULL,         -- JSON [[path, size, mtime_ns, inode], ...] as last judged
    step         INTEGER,
    epoch        INTEGER,
    registration TEXT REFERENCES registrations (key),
    seen         REAL NOT NULL,
    moved        REAL NOT NULL,
    CHECK ((state = 'JOURNALLED') = (registration IS NOT NULL))
) STRICT;

CREATE INDEX candidates_root ON candidates (format, root, id);

CREATE TABLE deliveries (
    id           INTEGER PRIMARY KEY,
    registration TEXT NOT NULL REFERENCES registrations (key),
    sink         TEXT NOT NULL,
    kind         TEXT NOT NULL CHECK (kind IN ('register', 'amend')),
    identity     TEXT NOT NULL,         -- the idempotency key of the registration or amendment
    body         TEXT,                  -- Amendment.to_json(); NULL for a registration, whose body is in its own row
    state        TEXT NOT NULL,
    attempts     INTEGER NOT NULL DEFAULT 0,
    not_before   REAL NOT NULL DEFAULT 0,
    last_error   TEXT NOT NULL DEFAULT '',
    receipt      TEXT,                  -- Receipt.to_json() once delivered
    moved        REAL NOT NULL,
    UNIQUE (sink, identity),
    CHECK ((state = 'DELIVERED') = (receipt IS NOT NULL))
) STRICT;

CREATE INDEX deliveries_due ON deliveries (sink, id) WHERE state = 'PENDING';
CREATE INDEX deliveries_registration ON deliveries (registration);

CREATE TABLE events (
    id         INTEGER PRIMARY KEY,
    at         REAL NOT NULL,
    machine    TEXT NOT NULL,
    subject    INTEGER NOT NULL,        -- id of the candidate or delivery
    from_state TEXT,                    -- NULL when the subject was made
    to_state   TEXT NOT NULL,
    detail     TEXT NOT NULL
) STRICT;

CREATE TRIGGER candidate_moves BEFORE UPDATE OF state ON candidates
WHEN NOT EXISTS (SELECT 1 FROM moves WHERE machine = 'candidate' AND from_state = old.state AND to_state = new.state)
BEGIN
    SELECT RAISE(ABORT, 'candidate: move not allowed');
END;

CREATE TRIGGER delivery_moves BEFORE UPDATE OF state ON deliveries
WHEN NOT EXISTS (SELECT 1 FROM moves WHERE machine = 'delivery' AND from_state = old.state AND to_state = new.state)
BEGIN
    SELECT RAISE(ABORT, 'delivery: move not allowed');
END;

CREATE TRIGGER candidate_made AFTER INSERT ON candidates
BEGIN
    INSERT INTO events (at, machine, subject, from_state, to_state, detail)
    VALUES (new.moved, 'candidate', new.id, NULL, new.state, new.reason);
END;

CREATE TRIGGER candidate_moved AFTER UPDATE OF state ON candidates
BEGIN
    INSERT INTO events (at, machine, subject, from_state, to_state, detail)
    VALUES (new.moved, 'candidate', new.id, old.state, new.state, new.reason);
END;

CREATE TRIGGER delivery_made AFTER INSERT ON deliveries
BEGIN
    INSERT INTO events (at, machine, subject, from_state, to_state, detail)
    VALUES (new.moved, 'delivery', new.id, NULL, new.state, new.last_error);
END;

CREATE TRIGGER delivery_moved AFTER UPDATE OF state ON deliveries
BEGIN
    INSERT INTO events (at, machine, subject, from_state, to_state, detail)
    VALUES (new.moved, 'delivery', new.id, old.state, new.state, new.last_error);
END;

CREATE TRIGGER delivery_superseded AFTER DELETE ON deliveries WHEN old.state != 'DELIVERED'
BEGIN
    INSERT INTO events (at, machine, subject, from_state, to_state, detail)
    VALUES (old.moved, 'delivery', old.id, old.state, 'SUPERSEDED', 'another delivery makes it needless');
END;
