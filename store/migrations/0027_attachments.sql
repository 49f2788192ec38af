-- Files of room messages. Their bytes are in the storage of files, under the ids of account and file.

CREATE TABLE room_attachments (
    account_id    uuid        NOT NULL REFERENCES accounts,
    id            uuid        NOT NULL,
    -- No reference to the room: when that is deleted, the rows say what is to be removed from the storage.
    room_id       uuid        NOT NULL,
    -- The user, guest or API key who uploaded it.
    user_id       uuid        NOT NULL,
    file_name     text        NOT NULL,
    mime_type     text        NOT NULL,
    size_bytes    bigint      NOT NULL,
    sha256        bytea       NOT NULL,
    width         integer,
    height        integer,
    has_thumbnail boolean     NOT NULL DEFAULT false,
    created_at    timestamptz NOT NULL,
    -- Whether all of it is in the storage; before that, some of it may be.
    is_stored     boolean     NOT NULL DEFAULT false,
    -- The number of the message that it is in; null until it is sent.
    message_seq   bigint,
    -- Nobody is shown it any more.
    is_removed    boolean     NOT NULL DEFAULT false,
    -- From then on it may be removed from the storage; in the future while somebody does. Null while it is in a message.
    remove_at     timestamptz,
    PRIMARY KEY (account_id, id)
);
CREATE INDEX room_attachments_of_message ON room_attachments (account_id, room_id, message_seq)
    WHERE message_seq IS NOT NULL;
CREATE INDEX room_attachments_unsent ON room_attachments (account_id, user_id) WHERE message_seq IS NULL;
CREATE INDEX room_attachments_to_remove ON room_attachments (remove_at) WHERE remove_at IS NOT NULL;

-- What the files of an account have together.
CREATE TABLE attachment_totals (
    account_id uuid   NOT NULL PRIMARY KEY REFERENCES accounts,
    size_bytes bigint NOT NULL
);

-- What clients are shown of `room_attachments`; null if there are none.
ALTER TABLE room_messages ADD COLUMN attachments jsonb;
GRANT UPDATE (attachments) ON room_messages TO switchboard_app;

SELECT protect('room_attachments'), protect('attachment_totals');
GRANT SELECT, INSERT, UPDATE, DELETE ON room_attachments TO switchboard_app;
GRANT SELECT, INSERT, UPDATE ON attachment_totals TO switchboard_app;

GRANT SELECT (account_id, id, remove_at) ON room_attachments TO switchboard_system;
GRANT UPDATE (is_removed, remove_at) ON room_attachments TO switchboard_system;
CREATE POLICY queue ON room_attachments TO switchboard_system USING (true) WITH CHECK (true);
