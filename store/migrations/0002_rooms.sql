-- Rooms, what is said in them, and calls.
--
-- User ids here refer to no row: users of an outside issuer need none.

CREATE TABLE rooms (
    account_id uuid        NOT NULL REFERENCES accounts,
    -- Also unique alone: the bus's subjects are named by it.
    id         uuid        NOT NULL UNIQUE,
    name       text        NOT NULL,
    -- The number of the latest message: 1, 2, 3, … without gaps, counted under this row's lock.
    last_seq   bigint      NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (account_id, id)
);

CREATE TABLE room_messages (
    account_id uuid        NOT NULL REFERENCES accounts,
    room_id    uuid        NOT NULL,
    seq        bigint      NOT NULL,
    id         uuid        NOT NULL,
    user_id    uuid        NOT NULL,
    user_name  text        NOT NULL,
    -- Chosen by the client, once per message, so that sending again stores nothing twice.
    client_id  uuid        NOT NULL,
    text       text        NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (account_id, room_id, seq),
    UNIQUE (account_id, room_id, user_id, client_id),
    FOREIGN KEY (account_id, room_id) REFERENCES rooms
);

CREATE TABLE calls (
    account_id  uuid        NOT NULL REFERENCES accounts,
    id          uuid        NOT NULL,
    room_id     uuid        NOT NULL,
    caller_id   uuid        NOT NULL,
    callee_id   uuid        NOT NULL,
    started_at  timestamptz NOT NULL,
    answered_at timestamptz,
    ended_at    timestamptz,
    outcome     text,
    PRIMARY KEY (account_id, id),
    FOREIGN KEY (account_id, room_id) REFERENCES rooms,
    CHECK ((ended_at IS NULL) = (outcome IS NULL))
);

CREATE INDEX calls_latest ON calls (account_id, started_at DESC, id DESC);

DO $$
DECLARE tenant_table text;
BEGIN
    FOREACH tenant_table IN ARRAY ARRAY['rooms', 'room_messages', 'calls'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', tenant_table);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', tenant_table);
        EXECUTE format('CREATE POLICY one_account ON %I TO switchboard_app
            USING      (account_id = current_setting(''app.account_id'')::uuid)
            WITH CHECK (account_id = current_setting(''app.account_id'')::uuid)', tenant_table);
    END LOOP;
END $$;

GRANT SELECT, INSERT, UPDATE ON rooms, calls TO switchboard_app;
GRANT SELECT, INSERT ON room_messages TO switchboard_app;
