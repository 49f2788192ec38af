-- Recordings of media sessions. Their files are in the storage of files, under the ids of account and recording.

CREATE TABLE recordings (
    account_id uuid        NOT NULL REFERENCES accounts,
    id         uuid        NOT NULL,
    -- No reference to the room: when that is deleted, the rows say what is to be removed from the storage.
    room_id    uuid        NOT NULL,
    -- The media node that records.
    node_id    uuid        NOT NULL,
    -- The user or API key that began it.
    started_by uuid        NOT NULL,
    started_at timestamptz NOT NULL,
    ended_at   timestamptz,
    status     text        NOT NULL,
    end_reason text,
    -- Of all files together, once they are stored.
    size_bytes bigint,
    -- What was recorded; null until all of it is in the storage.
    manifest   jsonb,
    -- Nobody is shown it any more.
    is_removed boolean     NOT NULL DEFAULT false,
    -- From then on its files may be removed from the storage; in the future while somebody does. Null while it is kept,
    -- and while they may still come.
    remove_at  timestamptz,
    PRIMARY KEY (account_id, id)
);
CREATE INDEX recordings_of_room ON recordings (account_id, room_id, id);
CREATE INDEX recordings_going_on ON recordings (started_at) WHERE status = 'recording';
CREATE INDEX recordings_never_stored ON recordings (account_id, started_at) WHERE is_removed AND remove_at IS NULL;
CREATE INDEX recordings_to_remove ON recordings (remove_at) WHERE remove_at IS NOT NULL;

SELECT protect('recordings');
GRANT SELECT, INSERT, UPDATE, DELETE ON recordings TO switchboard_app;

GRANT SELECT (account_id, id, node_id, started_at, status, remove_at) ON recordings TO switchboard_system;
GRANT UPDATE (status, remove_at) ON recordings TO switchboard_system;
CREATE POLICY queue ON recordings TO switchboard_system USING (true) WITH CHECK (true);
