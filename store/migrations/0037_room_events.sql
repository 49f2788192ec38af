-- Webhooks are told about rooms, too: who is in a call, what they send, what was recorded.

-- What a webhook is told about. The inbox and the rooms number their events each by themselves, so a webhook is of one
-- of them, for good: a number among its deliveries is then one event.
ALTER TABLE webhooks
    ADD COLUMN subject text NOT NULL DEFAULT 'inbox' CHECK (subject IN ('inbox', 'rooms'));
CREATE INDEX webhooks_of_rooms ON webhooks (account_id) WHERE subject = 'rooms' AND disabled_at IS NULL;

-- The number of an account's latest event of its rooms, counted under this row's lock. Whoever tells of rooms takes it
-- first.
CREATE TABLE room_event_sequences (
    account_id uuid   PRIMARY KEY REFERENCES accounts,
    last_seq   bigint NOT NULL DEFAULT 0
);

CREATE TABLE room_events (
    account_id uuid        NOT NULL REFERENCES accounts,
    seq        bigint      NOT NULL,
    event      jsonb       NOT NULL,
    -- When it happened.
    created_at timestamptz NOT NULL,
    PRIMARY KEY (account_id, seq)
);
CREATE INDEX room_events_by_time ON room_events (account_id, created_at);

-- An event is in `outbox` or in `room_events`, as its webhook's subject says.
ALTER TABLE webhook_deliveries DROP CONSTRAINT webhook_deliveries_account_id_seq_fkey;

-- What was told of the media sessions that go on, of accounts with a webhook that is told of rooms: what media nodes
-- say next is compared with it, so that nothing is told twice, and what a dead node does not say is found.
CREATE TABLE told_sessions (
    account_id   uuid        NOT NULL REFERENCES accounts,
    -- No reference to the room: the session goes on for a moment when that is deleted.
    room_id      uuid        NOT NULL,
    -- The media node that has said so last, and since when it says so.
    node_id      uuid        NOT NULL,
    node_since   timestamptz NOT NULL,
    started_at   timestamptz NOT NULL,
    -- By connection.
    participants jsonb       NOT NULL,
    -- Whether the node has said of all of them that they are there.
    is_confirmed boolean     NOT NULL,
    PRIMARY KEY (account_id, room_id)
);
CREATE INDEX told_sessions_by_time ON told_sessions (node_since);

SELECT protect('room_event_sequences'), protect('room_events'), protect('told_sessions');
GRANT SELECT, INSERT, UPDATE ON room_event_sequences TO switchboard_app;
GRANT SELECT, INSERT, DELETE ON room_events TO switchboard_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON told_sessions TO switchboard_app;
GRANT DELETE ON webhook_deliveries TO switchboard_app;

-- Whose media sessions anybody wants to hear of, and which of them nobody tells of any more.
GRANT SELECT (account_id, subject, disabled_at) ON webhooks TO switchboard_system;
CREATE POLICY queue ON webhooks FOR SELECT TO switchboard_system USING (true);
GRANT SELECT (account_id, room_id, node_id, node_since, is_confirmed) ON told_sessions TO switchboard_system;
CREATE POLICY queue ON told_sessions FOR SELECT TO switchboard_system USING (true);
