-- Models that Gradient's client is uploading or has uploaded. A client is given an id before it has sent a byte, and deletes that id when
-- the upload fails: it must not be the id of a model that is there already.

CREATE TABLE handles (
    handle     TEXT PRIMARY KEY,            -- mo..., as models' ids are
    team       TEXT NOT NULL,
    name       TEXT NOT NULL,
    model_type TEXT NOT NULL,
    project    TEXT,
    notes      TEXT NOT NULL,
    summary    TEXT NOT NULL,               -- JSON
    dataset    TEXT,                        -- datasetRef, NULL for an upload
    created    REAL NOT NULL,               -- seconds since the epoch
    model_id   TEXT,                        -- once there is a version
    number     INTEGER                      -- likewise
) STRICT;

CREATE INDEX handles_model ON handles (team, model_id);
