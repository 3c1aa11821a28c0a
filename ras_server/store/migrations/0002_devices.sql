-- Devices, their keys, users and frames; grants; records of the locks; the audit.

CREATE TABLE device (
  device_id TEXT PRIMARY KEY,       -- 12 upper-case hexadecimal characters
  k_f BLOB,                         -- sealed
  state TEXT NOT NULL,              -- ownership.State
  owner TEXT REFERENCES user (user_id),
  uid INTEGER NOT NULL DEFAULT 0,   -- of the owner, at the lock
  name TEXT NOT NULL DEFAULT '',
  registration INTEGER NOT NULL DEFAULT 0,
  epoch INTEGER NOT NULL DEFAULT 1, -- the last one confirmed by the lock
  epoch_wanted INTEGER NOT NULL DEFAULT 1,
  t_adm INTEGER NOT NULL DEFAULT 0, -- time of the newest administration frame
  tag INTEGER NOT NULL DEFAULT 0,   -- of the newest administration frame
  rekey TEXT NOT NULL DEFAULT '',   -- reason of the re-key that is due
  code_key_due INTEGER NOT NULL DEFAULT 0,
  code_time INTEGER NOT NULL DEFAULT 0,  -- protocol 3, t of K_code
  shadow TEXT NOT NULL DEFAULT '{}',
  created INTEGER NOT NULL,
  rev INTEGER NOT NULL DEFAULT 1
) STRICT, WITHOUT ROWID;
CREATE INDEX device_owner ON device (owner, created, device_id);

CREATE TABLE device_key (
  key_id TEXT PRIMARY KEY,
  device_id TEXT NOT NULL REFERENCES device ON DELETE CASCADE,
  gen INTEGER NOT NULL,
  phase TEXT NOT NULL,              -- ownership.Phase
  n_r BLOB NOT NULL,
  k_d BLOB,                         -- sealed; missing until the lock's public key is known
  private BLOB,                     -- sealed X25519 key; missing for a symmetric re-key
  created INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX device_key_device ON device_key (device_id, created);

-- The one administration frame of a lock that waits for its answer.
CREATE TABLE frame (
  device_id TEXT PRIMARY KEY REFERENCES device ON DELETE CASCADE,
  key_id TEXT NOT NULL,
  gen INTEGER NOT NULL,
  tag INTEGER NOT NULL,
  purpose TEXT NOT NULL,
  subject INTEGER NOT NULL,         -- what the purpose is about: a uid, an epoch
  command INTEGER NOT NULL,
  value BLOB NOT NULL,
  time INTEGER NOT NULL,
  packet BLOB NOT NULL,
  handed INTEGER NOT NULL DEFAULT 0,
  refused INTEGER NOT NULL DEFAULT 0,  -- an ERR came for it
  issued INTEGER NOT NULL           -- Unix time of the server
) STRICT, WITHOUT ROWID;

CREATE TABLE lock_user (
  device_id TEXT NOT NULL REFERENCES device ON DELETE CASCADE,
  uid INTEGER NOT NULL,
  lock_row INTEGER NOT NULL,
  rights INTEGER NOT NULL,
  user_id TEXT,
  grant_id TEXT,
  wanted INTEGER NOT NULL,          -- 1 written, 0 deleted
  synced INTEGER NOT NULL,          -- the lock has confirmed it
  PRIMARY KEY (device_id, uid)
) STRICT, WITHOUT ROWID;

-- A user account ID is never given twice for a lock, also not after its removal.
CREATE TABLE given_uid (
  device_id TEXT NOT NULL,
  uid INTEGER NOT NULL,
  PRIMARY KEY (device_id, uid)
) STRICT, WITHOUT ROWID;

CREATE TABLE access_grant (
  grant_id TEXT PRIMARY KEY,
  device_id TEXT NOT NULL REFERENCES device ON DELETE CASCADE,
  user_id TEXT REFERENCES user ON DELETE CASCADE,
  account TEXT,                     -- of a person who is not registered yet
  uid INTEGER NOT NULL,
  rights INTEGER NOT NULL,
  start INTEGER,
  until INTEGER,
  notify INTEGER NOT NULL,
  revoked INTEGER,                  -- Unix time
  created INTEGER NOT NULL,
  rev INTEGER NOT NULL DEFAULT 1
) STRICT, WITHOUT ROWID;
CREATE INDEX access_grant_device ON access_grant (device_id, created, grant_id);
CREATE INDEX access_grant_user ON access_grant (user_id, device_id);
CREATE INDEX access_grant_account ON access_grant (account) WHERE account IS NOT NULL;

CREATE TABLE lock_record (
  device_id TEXT NOT NULL,
  registration INTEGER NOT NULL,
  number INTEGER NOT NULL,          -- extended to 64 bits
  variant INTEGER NOT NULL,         -- above 0: another record came under a number that was taken
  uid INTEGER NOT NULL,
  method INTEGER NOT NULL,
  event INTEGER NOT NULL,
  detail INTEGER NOT NULL,
  time INTEGER NOT NULL,
  boot_time INTEGER NOT NULL,
  gateway_id TEXT NOT NULL,
  stored INTEGER NOT NULL,
  PRIMARY KEY (device_id, registration, number, variant)
) STRICT, WITHOUT ROWID;

CREATE TABLE audit (
  n INTEGER PRIMARY KEY,
  entry TEXT NOT NULL,              -- canonical JSON
  hash BLOB NOT NULL                -- SHA-256
) STRICT;
CREATE TRIGGER audit_update BEFORE UPDATE ON audit
BEGIN SELECT raise(ABORT, 'the audit is append-only'); END;
CREATE TRIGGER audit_delete BEFORE DELETE ON audit
BEGIN SELECT raise(ABORT, 'the audit is append-only'); END;
