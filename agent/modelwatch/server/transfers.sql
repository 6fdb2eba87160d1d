-- Uploads that are under way, and what each team has shown that it holds. Losing this file costs time, never a version:
-- an agent that is told that content is missing uploads it again.

CREATE TABLE uploads (
    id      TEXT PRIMARY KEY,               -- names the staged file
    team    TEXT NOT NULL,
    digest  TEXT,                           -- sha256:..., or NULL when the server is to find it out
    size    INTEGER NOT NULL CHECK (size >= 0),
    created REAL NOT NULL                   -- seconds since the epoch
) STRICT;

CREATE INDEX uploads_by_age ON uploads (created);

-- Content that a team has uploaded. That another team has the same bytes must not show: what counts for a team is here, or in a
-- registration of its own.
CREATE TABLE held (
    team    TEXT NOT NULL,
    digest  TEXT NOT NULL,
    size    INTEGER NOT NULL,
    since   REAL NOT NULL,                  -- seconds since the epoch
    PRIMARY KEY (team, digest)
) STRICT, WITHOUT ROWID;
