-- Second factors, trusted clients, fast reconnects, wrong tries.

CREATE TABLE totp (
  user_id TEXT NOT NULL REFERENCES user ON DELETE CASCADE,
  active INTEGER NOT NULL,          -- 0 until the first code was right
  secret BLOB NOT NULL,             -- sealed, row = user_id
  step INTEGER NOT NULL DEFAULT 0,  -- of the last code that was taken
  created INTEGER NOT NULL,
  PRIMARY KEY (user_id, active)
) STRICT, WITHOUT ROWID;

CREATE TABLE recovery_code (
  user_id TEXT NOT NULL REFERENCES user ON DELETE CASCADE,
  active INTEGER NOT NULL,          -- as its totp
  hash BLOB NOT NULL,               -- SHA-256
  PRIMARY KEY (user_id, active, hash)
) STRICT, WITHOUT ROWID;

CREATE TABLE wrong_tries (
  key BLOB PRIMARY KEY,             -- HMAC-SHA-256 of what was tried
  wrong INTEGER NOT NULL,
  first INTEGER NOT NULL,           -- Unix time
  until INTEGER NOT NULL            -- no try before this Unix time
) STRICT, WITHOUT ROWID;

ALTER TABLE verification ADD COLUMN wrong INTEGER NOT NULL DEFAULT 0;

ALTER TABLE session ADD COLUMN client TEXT NOT NULL DEFAULT '';  -- as it calls itself

-- Tokens of the kind fast: hash is the SHA-256 of the client's proof.
ALTER TABLE token ADD COLUMN answer BLOB;     -- the server's proof
ALTER TABLE token ADD COLUMN successor BLOB;  -- hash of the token that was given for it

ALTER TABLE trust ADD COLUMN trust_id TEXT NOT NULL DEFAULT '';
ALTER TABLE trust ADD COLUMN client TEXT NOT NULL DEFAULT '';
ALTER TABLE trust ADD COLUMN created INTEGER NOT NULL DEFAULT 0;
UPDATE trust SET trust_id = 'tr-' || lower(hex(substr(hash, 1, 8))), created = expires - 2592000;
