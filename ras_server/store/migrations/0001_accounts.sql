-- Users, gateways, sessions, stored answers, messages.

CREATE TABLE server (server_id TEXT NOT NULL) STRICT;

CREATE TABLE user (
  user_id TEXT PRIMARY KEY,
  account_type TEXT NOT NULL,       -- phone or email
  account TEXT NOT NULL UNIQUE,     -- E.164, or an address with lower-case domain
  scram BLOB NOT NULL,              -- sealed
  display_name TEXT NOT NULL,
  locale TEXT NOT NULL,
  created INTEGER NOT NULL,
  locked INTEGER NOT NULL DEFAULT 0,
  rev INTEGER NOT NULL DEFAULT 1
) STRICT, WITHOUT ROWID;

CREATE TABLE verification (
  verification_id TEXT PRIMARY KEY,
  account_type TEXT NOT NULL,
  account TEXT NOT NULL,
  purpose TEXT NOT NULL,            -- register or reset
  code BLOB NOT NULL,               -- HMAC-SHA-256
  created INTEGER NOT NULL,
  expires INTEGER NOT NULL,
  used INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
CREATE INDEX verification_account ON verification (account, created);

CREATE TABLE gateway (
  gateway_id TEXT PRIMARY KEY,
  user_id TEXT NOT NULL REFERENCES user ON DELETE CASCADE,
  name TEXT NOT NULL,
  kind TEXT NOT NULL,
  version TEXT NOT NULL,
  secret BLOB NOT NULL,             -- SHA-256
  old_secret BLOB,                  -- SHA-256
  old_secret_until INTEGER NOT NULL DEFAULT 0,
  created INTEGER NOT NULL,
  last_seen INTEGER,
  rev INTEGER NOT NULL DEFAULT 1
) STRICT, WITHOUT ROWID;
CREATE INDEX gateway_user ON gateway (user_id);

-- A login and everything that came from it: a user's token family, or a gateway's.
CREATE TABLE session (
  session_id TEXT PRIMARY KEY,
  user_id TEXT NOT NULL REFERENCES user ON DELETE CASCADE,
  gateway_id TEXT REFERENCES gateway ON DELETE CASCADE,
  login_at INTEGER NOT NULL,
  expires INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX session_user ON session (user_id);

CREATE TABLE token (
  hash BLOB PRIMARY KEY,            -- SHA-256
  session_id TEXT NOT NULL REFERENCES session ON DELETE CASCADE,
  kind TEXT NOT NULL,               -- access or refresh
  expires INTEGER NOT NULL,
  used INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
CREATE INDEX token_session ON token (session_id);

CREATE TABLE trust (
  hash BLOB PRIMARY KEY,            -- SHA-256
  user_id TEXT NOT NULL REFERENCES user ON DELETE CASCADE,
  expires INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX trust_user ON trust (user_id);

CREATE TABLE answer (
  caller TEXT NOT NULL,
  mid TEXT NOT NULL,
  request BLOB NOT NULL,            -- SHA-256 of method, path and body
  http INTEGER NOT NULL,
  body BLOB,                        -- sealed if it contains secrets; gone after 10 minutes
  secret INTEGER NOT NULL,
  created INTEGER NOT NULL,
  PRIMARY KEY (caller, mid)
) STRICT, WITHOUT ROWID;
CREATE INDEX answer_created ON answer (created);

CREATE TABLE receiver (
  address TEXT PRIMARY KEY,         -- user:... or gw:...
  seq INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE message (
  address TEXT NOT NULL,
  seq INTEGER NOT NULL,
  created INTEGER NOT NULL,
  envelope BLOB NOT NULL,           -- JSON
  PRIMARY KEY (address, seq)
) STRICT, WITHOUT ROWID;
CREATE INDEX message_created ON message (created);
