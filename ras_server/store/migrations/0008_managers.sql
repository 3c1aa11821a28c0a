-- Gateways that manage access for the owner of their locks, and what each of them gave.

CREATE TABLE manager (
  gateway_id TEXT PRIMARY KEY REFERENCES gateway ON DELETE CASCADE,
  since INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE managed (
  object TEXT PRIMARY KEY,          -- a grant or a keypad code
  gateway_id TEXT NOT NULL REFERENCES manager ON DELETE CASCADE,
  device_id TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX managed_gateway ON managed (gateway_id);
