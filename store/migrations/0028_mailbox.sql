-- What must reach a person on whatever device: that they were mentioned, and that they have missed a call.

-- Numbers of each user's entries, and up to which of them a device has said that they were seen.
CREATE TABLE mailboxes (
    account_id       uuid   NOT NULL REFERENCES accounts,
    user_id          uuid   NOT NULL,
    last_seq         bigint NOT NULL,
    acknowledged_seq bigint NOT NULL DEFAULT 0 CHECK (acknowledged_seq <= last_seq),
    PRIMARY KEY (account_id, user_id)
);

-- No reference to room, message or call: that somebody was called stays known when the room is gone.
CREATE TABLE mailbox_entries (
    account_id  uuid        NOT NULL REFERENCES accounts,
    user_id     uuid        NOT NULL,
    seq         bigint      NOT NULL,
    kind        text        NOT NULL CHECK (kind IN ('mention', 'callMissed')),
    from_id     uuid        NOT NULL,
    from_name   text        NOT NULL,
    room_id     uuid        NOT NULL,
    message_seq bigint,
    call_id     uuid,
    created_at  timestamptz NOT NULL,
    PRIMARY KEY (account_id, user_id, seq)
);
CREATE INDEX mailbox_entries_by_age ON mailbox_entries (account_id, created_at);

SELECT protect('mailboxes'), protect('mailbox_entries');

GRANT SELECT, INSERT, UPDATE ON mailboxes TO switchboard_app;
GRANT SELECT, INSERT, DELETE ON mailbox_entries TO switchboard_app;
