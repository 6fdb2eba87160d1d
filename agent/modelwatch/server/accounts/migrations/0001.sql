-- Accounts, version 1. SQLite >= 3.37 (STRICT tables).
--
-- Times are seconds since the epoch. Names are compared by `folded` (modelwatch.server.accounts.names). Teams and users that were removed
-- stay as rows, so that what was theirs never becomes that of a later one with the same name.

CREATE TABLE teams (
    id      INTEGER PRIMARY KEY,
    name    TEXT NOT NULL,
    folded  TEXT NOT NULL,
    made    REAL NOT NULL,
    removed REAL
) STRICT;

CREATE UNIQUE INDEX teams_folded ON teams (folded) WHERE removed IS NULL;

CREATE TABLE users (
    id             INTEGER PRIMARY KEY,
    name           TEXT NOT NULL,
    folded         TEXT NOT NULL,
    password       TEXT NOT NULL,           -- modelwatch.server.accounts.passwords
    one_time_until REAL,                    -- NULL: they chose it themselves
    site_admin     INTEGER NOT NULL CHECK (site_admin IN (0, 1)),
    made           REAL NOT NULL,
    removed        REAL
) STRICT;

CREATE UNIQUE INDEX users_folded ON users (folded) WHERE removed IS NULL;

CREATE TABLE memberships (
    team   INTEGER NOT NULL REFERENCES teams (id),
    user   INTEGER NOT NULL REFERENCES users (id),
    role   TEXT NOT NULL CHECK (role IN ('viewer', 'writer', 'admin')),
    joined REAL NOT NULL,
    PRIMARY KEY (team, user)
) STRICT, WITHOUT ROWID;

CREATE INDEX memberships_user ON memberships (user);

CREATE TABLE keys (
    prefix    TEXT PRIMARY KEY,             -- public
    digest    BLOB NOT NULL,                -- SHA-256 of the whole key
    name      TEXT NOT NULL,
    team      INTEGER NOT NULL REFERENCES teams (id),
    scope     TEXT NOT NULL CHECK (scope IN ('read', 'write', 'admin')),
    owner     INTEGER REFERENCES users (id),
    made      REAL NOT NULL,
    expires   REAL,
    revoked   REAL,
    last_used REAL
) STRICT, WITHOUT ROWID;

CREATE INDEX keys_team ON keys (team);
CREATE INDEX keys_owner ON keys (owner) WHERE owner IS NOT NULL;

CREATE TABLE sessions (
    digest   BLOB PRIMARY KEY,              -- SHA-256 of the token
    user     INTEGER NOT NULL REFERENCES users (id),
    one_time INTEGER NOT NULL CHECK (one_time IN (0, 1)),  -- 1: began with a one-time password
    began    REAL NOT NULL,
    seen     REAL NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX sessions_user ON sessions (user);

CREATE TABLE audit (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    time    REAL NOT NULL,
    who     TEXT NOT NULL,
    what    TEXT NOT NULL,
    team    TEXT NOT NULL,
    subject TEXT NOT NULL,
    detail  TEXT NOT NULL,
    address TEXT NOT NULL,
    outcome TEXT NOT NULL
) STRICT;

CREATE INDEX audit_team ON audit (team, id);

CREATE TRIGGER audit_is_not_changed BEFORE UPDATE ON audit
BEGIN
    SELECT RAISE(ABORT, 'the audit is not changed');
END;

CREATE TRIGGER audit_is_not_shortened BEFORE DELETE ON audit
BEGIN
    SELECT RAISE(ABORT, 'the audit is not shortened');
END;
