-- The audit is found by what it is about. The keys of an entry are written some time after it, many
-- at once; what is missing of them after a crash is read from the entries again.

CREATE TABLE audit_key (
  key TEXT NOT NULL,                -- see store/audit_index.py
  n INTEGER NOT NULL,
  PRIMARY KEY (key, n)
) STRICT, WITHOUT ROWID;

CREATE TABLE audit_keyed (
  n INTEGER NOT NULL                -- up to this entry all keys are there
) STRICT;
INSERT INTO audit_keyed VALUES (0);
