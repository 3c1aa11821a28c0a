-- A keypad code belongs to a grant, not to a row of the lock: links may share a row.

ALTER TABLE keypad_code ADD COLUMN grant_id TEXT;
UPDATE keypad_code SET grant_id = (SELECT grant_id FROM lock_user
  WHERE lock_user.device_id = keypad_code.device_id AND lock_user.uid = keypad_code.uid);
ALTER TABLE keypad_code DROP COLUMN uid;

-- The grants of a lock that have not ended are found without those that have.
CREATE INDEX access_grant_live ON access_grant (device_id, coalesce(until, 0x100000000), uid)
  WHERE revoked IS NULL;
