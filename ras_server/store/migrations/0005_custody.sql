-- Operations, keypad codes, configuration, transfers; what a restart must not forget.

ALTER TABLE device ADD COLUMN k_code BLOB;                       -- sealed
ALTER TABLE device ADD COLUMN code_key TEXT NOT NULL DEFAULT ''; -- names K_code; '' = not known
ALTER TABLE device ADD COLUMN lost INTEGER;                      -- Unix time
ALTER TABLE device ADD COLUMN clock_due INTEGER NOT NULL DEFAULT 0;  -- its clock is to be set anew
ALTER TABLE lock_user ADD COLUMN not_before INTEGER;             -- Unix time

UPDATE device SET code_key = 'new' WHERE code_time = 0 AND device_id IN
  (SELECT device_id FROM device_key WHERE phase = 'current' AND gen = 1);
UPDATE device SET code_key_due = 1 WHERE code_key = '' AND device_id IN
  (SELECT device_id FROM device_key WHERE phase = 'current');

CREATE INDEX device_key_age ON device_key (phase, created);
CREATE INDEX access_grant_until ON access_grant (until) WHERE until IS NOT NULL;

CREATE TABLE keypad_code (
  code_id TEXT PRIMARY KEY,
  device_id TEXT NOT NULL REFERENCES device ON DELETE CASCADE,
  code_class INTEGER NOT NULL,      -- protocol 14
  code_index INTEGER NOT NULL,
  start INTEGER NOT NULL,           -- Unix time, or the number of a one-time code
  code_key TEXT NOT NULL,           -- the K_code it belongs to: with another one it is dead
  format INTEGER NOT NULL,          -- how it is typed (configuration parameter 5)
  name TEXT NOT NULL,
  uid INTEGER,                      -- of the grant it belongs to
  created INTEGER NOT NULL,
  used INTEGER NOT NULL DEFAULT 0,
  cancelled INTEGER NOT NULL DEFAULT 0,
  synced INTEGER NOT NULL DEFAULT 0 -- the lock has confirmed the cancellation
) STRICT, WITHOUT ROWID;
CREATE INDEX keypad_code_device ON keypad_code (device_id, created, code_id);

CREATE TABLE lock_config (
  device_id TEXT NOT NULL REFERENCES device ON DELETE CASCADE,
  parameter INTEGER NOT NULL,       -- protocol 9.1, command 13
  wanted INTEGER NOT NULL,
  reported INTEGER,                 -- what the lock said is in force
  synced INTEGER NOT NULL,          -- the lock has answered
  code INTEGER NOT NULL DEFAULT 0,  -- why it did not take the value
  PRIMARY KEY (device_id, parameter)
) STRICT, WITHOUT ROWID;

-- One operation from its acceptance to its end. It outlives its device.
CREATE TABLE operation (
  operation_id TEXT PRIMARY KEY,
  device_id TEXT NOT NULL,
  user_id TEXT NOT NULL,            -- whose operation it is
  actor TEXT NOT NULL,              -- the address that asked for it
  mid TEXT,                         -- of the request; missing where a HELLO makes it unique
  command TEXT NOT NULL,
  expires INTEGER NOT NULL,
  state TEXT NOT NULL,              -- operation_states.State
  gateway_id TEXT,
  result TEXT,                      -- JSON
  created INTEGER NOT NULL,
  changed INTEGER NOT NULL,
  UNIQUE (actor, mid)
) STRICT, WITHOUT ROWID;
CREATE INDEX operation_created ON operation (created);
CREATE INDEX operation_open ON operation (device_id) WHERE result IS NULL;

CREATE TABLE transfer (
  transfer_id TEXT PRIMARY KEY,
  device_id TEXT NOT NULL UNIQUE REFERENCES device ON DELETE CASCADE,
  owner TEXT NOT NULL REFERENCES user (user_id) ON DELETE CASCADE,
  account TEXT NOT NULL,            -- of the person it is offered to
  created INTEGER NOT NULL,
  expires INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX transfer_account ON transfer (account);

-- Time frames of the last hour: at most 1 a minute and 6 an hour for a lock.
CREATE TABLE time_frame (
  device_id TEXT NOT NULL,
  at INTEGER NOT NULL,
  PRIMARY KEY (device_id, at)
) STRICT, WITHOUT ROWID;

-- The highest time that the server's clock showed, as far as anybody vouches for it.
CREATE TABLE clock_mark (time INTEGER NOT NULL) STRICT;
