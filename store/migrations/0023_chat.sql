-- What was said in rooms changes: it is edited, deleted and reacted to. It answers, mentions, and is read.

ALTER TABLE room_messages
    -- The number of the message that it answers.
    ADD COLUMN reply_to   bigint,
    -- Users whose attention it wants; null if nobody's.
    ADD COLUMN mentions   uuid[],
    ADD COLUMN edited_at  timestamptz,
    -- Since then text, mentions and reactions are gone.
    ADD COLUMN deleted_at timestamptz,
    -- What clients are shown of `room_reactions`; null if there are none.
    ADD COLUMN reactions  jsonb;
GRANT UPDATE (text, reply_to, mentions, edited_at, deleted_at, reactions) ON room_messages TO switchboard_app;

-- Numbers of a room's sequence that stand for no new message, but for a change of one.
CREATE TABLE room_changes (
    account_id  uuid   NOT NULL REFERENCES accounts,
    room_id     uuid   NOT NULL,
    seq         bigint NOT NULL,
    -- The number of the message.
    message_seq bigint NOT NULL,
    PRIMARY KEY (account_id, room_id, seq),
    FOREIGN KEY (account_id, room_id) REFERENCES rooms ON DELETE CASCADE
);

CREATE TABLE room_reactions (
    account_id  uuid   NOT NULL REFERENCES accounts,
    room_id     uuid   NOT NULL,
    message_seq bigint NOT NULL,
    emoji       text   NOT NULL,
    user_id     uuid   NOT NULL,
    PRIMARY KEY (account_id, room_id, message_seq, emoji, user_id),
    FOREIGN KEY (account_id, room_id) REFERENCES rooms ON DELETE CASCADE
);

-- How far each user has read.
CREATE TABLE room_reads (
    account_id uuid   NOT NULL REFERENCES accounts,
    room_id    uuid   NOT NULL,
    user_id    uuid   NOT NULL,
    seq        bigint NOT NULL,
    PRIMARY KEY (account_id, room_id, user_id),
    FOREIGN KEY (account_id, room_id) REFERENCES rooms ON DELETE CASCADE
);

-- Messages that mention a user, until they have read as far.
CREATE TABLE unread_mentions (
    account_id uuid   NOT NULL REFERENCES accounts,
    room_id    uuid   NOT NULL,
    user_id    uuid   NOT NULL,
    -- The number of the message.
    seq        bigint NOT NULL,
    PRIMARY KEY (account_id, room_id, user_id, seq),
    FOREIGN KEY (account_id, room_id) REFERENCES rooms ON DELETE CASCADE
);

SELECT protect('room_changes'), protect('room_reactions'), protect('room_reads'), protect('unread_mentions');

GRANT SELECT, INSERT ON room_changes TO switchboard_app;
GRANT SELECT, INSERT, DELETE ON room_reactions, unread_mentions TO switchboard_app;
GRANT SELECT, INSERT, UPDATE ON room_reads TO switchboard_app;
