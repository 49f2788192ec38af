-- What is remembered of removed recordings, so that none comes back.

-- Since when it is known that it was removed: counted from there, it is forgotten though its files never came.
ALTER TABLE recordings ADD COLUMN removed_at timestamptz;
-- The media node has nothing of it any more: its files cannot come again, and once removed nothing is to be remembered.
ALTER TABLE recordings ADD COLUMN is_collected boolean NOT NULL DEFAULT false;

DROP INDEX recordings_never_stored;
CREATE INDEX recordings_remembered ON recordings (account_id, removed_at) WHERE is_removed AND remove_at IS NULL;
