-- Nobody asks whether a frame was handed out.

ALTER TABLE frame DROP COLUMN handed;
