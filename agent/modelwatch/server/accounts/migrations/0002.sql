-- Accounts, version 2: the audit is kept for a time that is written down, and nothing that is younger can go.
--
-- `since` only moves forward, and never into the last thirty days: whoever does something wrong cannot have it forgotten.

CREATE TABLE audit_kept (
    only  INTEGER PRIMARY KEY CHECK (only = 1),
    since REAL NOT NULL                     -- entries from then on stay
) STRICT;

INSERT INTO audit_kept (only, since) VALUES (1, 0);

CREATE TRIGGER audit_kept_moves_forward BEFORE UPDATE ON audit_kept
WHEN NEW.since < OLD.since OR NEW.since > CAST(strftime('%s', 'now') AS REAL) - 30 * 86400
BEGIN
    SELECT RAISE(ABORT, 'the audit of the last thirty days is kept');
END;

CREATE TRIGGER audit_kept_stays BEFORE DELETE ON audit_kept
BEGIN
    SELECT RAISE(ABORT, 'how long the audit is kept stays written down');
END;

DROP TRIGGER audit_is_not_shortened;

CREATE TRIGGER audit_is_not_shortened BEFORE DELETE ON audit WHEN OLD.time >= (SELECT since FROM audit_kept)
BEGIN
    SELECT RAISE(ABORT, 'the audit is not shortened');
END;
