-- The index of a repository, version 1. SQLite >= 3.37 (STRICT tables). Rebuildable: a changed schema is a new database, never a migration.
--
-- Text from outside is kept as its UTF-8 bytes (BLOB): names may hold lone surrogates and NUL, which TEXT cannot, and bytes sort as the
-- characters do. Times are seconds since the epoch. Numbers that SQLite cannot hold are NULL in columns that are only sorted by.

CREATE TABLE facts (
    name  TEXT PRIMARY KEY,                 -- 'repository', 'program', 'generation'
    value ANY NOT NULL
) STRICT, WITHOUT ROWID;

-- ------------------------------------------------------------------------------------------------- what was read of the directory

-- A model's directory. What ends in _seen is the modification time of a directory below it, in ns, -1 for none; NULL: list it again.
CREATE TABLE places (
    id            INTEGER PRIMARY KEY,
    team          BLOB NOT NULL,            -- encoded, as the directory is called
    model         BLOB NOT NULL,            -- likewise
    versions_seen INTEGER,
    events_seen   INTEGER,
    aliases_seen  INTEGER,
    runs_seen     INTEGER,
    floor         INTEGER NOT NULL DEFAULT 0,
    generation    INTEGER NOT NULL DEFAULT 0,   -- at its latest change
    UNIQUE (team, model)
) STRICT;

CREATE INDEX places_generation ON places (team, generation, model);

-- Version files that can be read, those of deleted versions too.
CREATE TABLE documents (
    place  INTEGER NOT NULL,
    number INTEGER NOT NULL,
    key    BLOB NOT NULL,
    body   BLOB NOT NULL,                   -- the file
    UNIQUE (place, number)
) STRICT;

CREATE INDEX documents_key ON documents (place, key, number);

CREATE TABLE events (
    place   INTEGER NOT NULL,
    name    TEXT NOT NULL,
    subject BLOB,                           -- a registration's key; NULL: about the model itself
    body    BLOB,                           -- the file; NULL: of a kind that we do not know
    UNIQUE (place, name)
) STRICT;

CREATE INDEX events_subject ON events (place, subject, name);

-- Versions that events are about, whether or not there is a document.
CREATE TABLE subjects (
    place    INTEGER NOT NULL,
    key      BLOB NOT NULL,
    modified REAL,
    PRIMARY KEY (place, key)
) STRICT, WITHOUT ROWID;

CREATE INDEX subjects_modified ON subjects (place, modified);

CREATE TABLE aliases (
    place  INTEGER NOT NULL,
    name   BLOB NOT NULL,
    number INTEGER NOT NULL,
    PRIMARY KEY (place, name)
) STRICT, WITHOUT ROWID;

CREATE INDEX aliases_number ON aliases (place, number);

-- Files that cannot be understood: tried again at every refresh.
CREATE TABLE problems (
    place  INTEGER NOT NULL,
    kind   TEXT NOT NULL,                   -- 'versions', 'events', 'aliases'
    name   BLOB NOT NULL,
    reason BLOB NOT NULL,
    PRIMARY KEY (place, kind, name)
) STRICT, WITHOUT ROWID;

-- Which content a team's registrations refer to.
CREATE TABLE contents (
    team   BLOB NOT NULL,
    digest BLOB NOT NULL,
    place  INTEGER NOT NULL,
    number INTEGER NOT NULL,
    PRIMARY KEY (team, digest, place, number)
) STRICT, WITHOUT ROWID;

-- ------------------------------------------------------------------------------------------------------------------ what is shown

-- Live versions, narrow: a filter reads all of a model's.
CREATE TABLE versions (
    place       INTEGER NOT NULL,
    number      INTEGER NOT NULL,
    registered  REAL,
    created     REAL,
    step        ANY,
    epoch       ANY,
    size        ANY,
    type        TEXT NOT NULL,
    format      BLOB NOT NULL,
    origin      TEXT NOT NULL,
    lifetime    TEXT NOT NULL,
    run         BLOB,
    experiment  BLOB,
    project     BLOB,
    has_notes   INTEGER NOT NULL,           -- was registered with notes
    has_summary INTEGER NOT NULL,           -- likewise
    text        BLOB NOT NULL,              -- what a search looks in, folded
    PRIMARY KEY (place, number)
) STRICT, WITHOUT ROWID;

-- What versions are filtered by: to find those that fit, nothing else of them is read.
CREATE INDEX versions_sought ON versions (place, experiment, project, type, format, origin);
CREATE INDEX versions_text ON versions (place, text);
CREATE INDEX versions_registered ON versions (place, registered);
CREATE INDEX versions_created ON versions (place, created);
CREATE INDEX versions_step ON versions (place, step);
CREATE INDEX versions_epoch ON versions (place, epoch);
CREATE INDEX versions_size ON versions (place, size);
CREATE INDEX versions_notes ON versions (place, number) WHERE has_notes;
CREATE INDEX versions_summary ON versions (place, number) WHERE has_summary;

-- What searches find versions by: modelwatch.repository.index.trigrams.
CREATE VIRTUAL TABLE trigrams USING fts5(text, content = '', columnsize = 0, tokenize = 'trigram case_sensitive 1');

-- What events have made of a live version, where there were any: {"tags", "notes", "metrics"}.
CREATE TABLE amended (
    place  INTEGER NOT NULL,
    number INTEGER NOT NULL,
    body   TEXT NOT NULL,
    PRIMARY KEY (place, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE metrics (
    place  INTEGER NOT NULL,
    number INTEGER NOT NULL,
    name   BLOB NOT NULL,                   -- modelwatch.repository.metric_names
    rank   INTEGER NOT NULL,                -- 0: a number; 1: NaN, which sorts last
    value  REAL,
    key    BLOB NOT NULL,
    split  BLOB NOT NULL,
    PRIMARY KEY (place, number, name)
) STRICT, WITHOUT ROWID;

CREATE INDEX metrics_value ON metrics (place, name, rank, value, number);

CREATE TABLE version_tags (
    place  INTEGER NOT NULL,
    number INTEGER NOT NULL,
    tag    BLOB NOT NULL,
    PRIMARY KEY (place, number, tag)
) STRICT, WITHOUT ROWID;

CREATE INDEX version_tags_tag ON version_tags (place, tag, number);

-- Models that are shown.
CREATE TABLE models (
    place      INTEGER PRIMARY KEY,
    team       BLOB NOT NULL,               -- encoded
    id         TEXT NOT NULL,
    name       BLOB NOT NULL,
    public     INTEGER NOT NULL,
    created    REAL,
    modified   REAL,
    versions   INTEGER NOT NULL,            -- live ones
    size       ANY,                         -- of them together
    number     INTEGER,                     -- of the latest
    registered REAL,                        -- likewise
    step       ANY,                         -- likewise
    best       INTEGER,                     -- by its metrics
    text       BLOB NOT NULL,
    body       TEXT NOT NULL                -- what nobody asks for by column
) STRICT;

CREATE INDEX models_name ON models (team, name, id);
CREATE INDEX models_id ON models (team, id);
CREATE INDEX models_created ON models (team, created, id);
CREATE INDEX models_modified ON models (team, modified, id);
CREATE INDEX models_versions ON models (team, versions, id, size, public);     -- and a team's sums
CREATE INDEX models_size ON models (team, size, id);
CREATE INDEX models_number ON models (team, number, id);
CREATE INDEX models_registered ON models (team, registered, id);
CREATE INDEX models_step ON models (team, step, id);
CREATE INDEX models_text ON models (team, text);       -- a search reads nothing else
CREATE INDEX models_public ON models (team, place) WHERE public;

-- Of each model's latest version.
CREATE TABLE model_metrics (
    place INTEGER NOT NULL,
    name  BLOB NOT NULL,
    rank  INTEGER NOT NULL,
    value REAL,
    team  BLOB NOT NULL,
    id    TEXT NOT NULL,
    PRIMARY KEY (place, name)
) STRICT, WITHOUT ROWID;

CREATE INDEX model_metrics_value ON model_metrics (team, name, rank, value, id);

CREATE TABLE model_tags (
    place INTEGER NOT NULL,
    tag   BLOB NOT NULL,
    team  BLOB NOT NULL,
    PRIMARY KEY (place, tag)
) STRICT, WITHOUT ROWID;

CREATE INDEX model_tags_tag ON model_tags (team, tag, place);

-- Live versions, counted by all that they can be filtered by.
CREATE TABLE facets (
    place      INTEGER NOT NULL,
    team       BLOB NOT NULL,
    type       TEXT NOT NULL,
    format     BLOB NOT NULL,
    origin     TEXT NOT NULL,
    lifetime   TEXT NOT NULL,
    experiment BLOB,
    project    BLOB,
    versions   INTEGER NOT NULL,
    size       ANY,
    first      REAL,                        -- earliest registered
    last       REAL                         -- latest
) STRICT;

CREATE INDEX facets_place ON facets (place);
CREATE INDEX facets_experiment ON facets (team, experiment, place);
CREATE INDEX facets_project ON facets (team, project, place);
CREATE INDEX facets_format ON facets (team, format, place);
CREATE INDEX facets_type ON facets (team, type, place);
