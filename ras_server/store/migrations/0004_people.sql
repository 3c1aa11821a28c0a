-- Limits of grants and their uses; sites: a home, its household, its locks.

CREATE TABLE site (
  site_id TEXT PRIMARY KEY,
  owner TEXT NOT NULL REFERENCES user (user_id) ON DELETE CASCADE,
  name TEXT NOT NULL,
  lockdown INTEGER NOT NULL DEFAULT 0,
  fence TEXT,                       -- JSON, geofence.Fence
  created INTEGER NOT NULL,
  rev INTEGER NOT NULL DEFAULT 1
) STRICT, WITHOUT ROWID;
CREATE INDEX site_owner ON site (owner, created, site_id);

CREATE TABLE site_person (
  person_id TEXT PRIMARY KEY,
  site_id TEXT NOT NULL REFERENCES site ON DELETE CASCADE,
  user_id TEXT REFERENCES user ON DELETE CASCADE,
  account TEXT,                     -- of a person who is not registered yet
  role TEXT NOT NULL,               -- member or guest
  created INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX site_person_site ON site_person (site_id, created, person_id);

CREATE TABLE site_device (
  device_id TEXT PRIMARY KEY REFERENCES device ON DELETE CASCADE,
  site_id TEXT NOT NULL REFERENCES site ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX site_device_site ON site_device (site_id, device_id);

-- The gateways of members that the owner trusts like his own.
CREATE TABLE site_gateway (
  gateway_id TEXT PRIMARY KEY REFERENCES gateway ON DELETE CASCADE,
  site_id TEXT NOT NULL REFERENCES site ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX site_gateway_site ON site_gateway (site_id, gateway_id);

ALTER TABLE access_grant ADD COLUMN name TEXT NOT NULL DEFAULT '';  -- of the guest of a link
ALTER TABLE access_grant ADD COLUMN link BLOB;                -- SHA-256 of the guest's token
ALTER TABLE access_grant ADD COLUMN met INTEGER NOT NULL DEFAULT 0;  -- its holder has been here
ALTER TABLE access_grant ADD COLUMN schedule TEXT;            -- JSON, schedule.Schedule
ALTER TABLE access_grant ADD COLUMN policy TEXT;              -- geofence.Policy
ALTER TABLE access_grant ADD COLUMN pin BLOB;                 -- HMAC-SHA-256
ALTER TABLE access_grant ADD COLUMN pin_wrong INTEGER NOT NULL DEFAULT 0;
ALTER TABLE access_grant ADD COLUMN pin_until INTEGER NOT NULL DEFAULT 0;  -- Unix time: none before
ALTER TABLE access_grant ADD COLUMN uses_max INTEGER;
ALTER TABLE access_grant ADD COLUMN uses_spent INTEGER NOT NULL DEFAULT 0;
ALTER TABLE access_grant ADD COLUMN person_id TEXT;  -- came with the site: site_person
ALTER TABLE access_grant ADD COLUMN member INTEGER NOT NULL DEFAULT 0;
CREATE UNIQUE INDEX access_grant_link ON access_grant (link) WHERE link IS NOT NULL;
CREATE INDEX access_grant_person ON access_grant (person_id) WHERE person_id IS NOT NULL;

-- Who holds a grant: the user it names, or the user of the account it names.
CREATE VIEW holder AS SELECT grant_id, user.user_id FROM access_grant JOIN user
  ON access_grant.user_id = user.user_id OR access_grant.account = user.account;

CREATE TABLE grant_use (
  use_id TEXT PRIMARY KEY,
  grant_id TEXT NOT NULL REFERENCES access_grant ON DELETE CASCADE,
  command TEXT NOT NULL,
  at INTEGER NOT NULL,
  result INTEGER,                   -- code of the outcome; missing while it is under way
  returned INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
CREATE INDEX grant_use_grant ON grant_use (grant_id, at, use_id);

ALTER TABLE given_uid ADD COLUMN grant_id TEXT;  -- a change of a grant gives it another uid
