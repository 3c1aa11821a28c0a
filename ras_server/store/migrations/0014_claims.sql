-- A claim stores nothing before it is proved, and its time frames are its claimant's.

DELETE FROM device WHERE state IN ('claimed', 'preparing') AND k_f IS NULL;
UPDATE device SET state = 'known' WHERE state IN ('claimed', 'preparing');

CREATE TABLE time_frame_of_claims (
  device_id TEXT NOT NULL,
  claimant TEXT NOT NULL,           -- who wants to register the lock; '' = under a key of its owner
  at INTEGER NOT NULL,
  PRIMARY KEY (device_id, claimant, at)
) STRICT, WITHOUT ROWID;
INSERT INTO time_frame_of_claims SELECT device_id, '', at FROM time_frame;
DROP TABLE time_frame;
ALTER TABLE time_frame_of_claims RENAME TO time_frame;
