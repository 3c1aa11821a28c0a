-- Grants that need somebody else's yes.

ALTER TABLE access_grant ADD COLUMN second_person INTEGER NOT NULL DEFAULT 0;
