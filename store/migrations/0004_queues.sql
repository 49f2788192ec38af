-- Queues: webhooks as they arrived, events to be published, replies to be sent, deliveries to make.
--
-- `due_at` says when a row may next be worked on. Whoever takes work over HTTP moves it to the end
-- of a lease first, so that work whose worker died becomes due again by itself.

CREATE TABLE raw_events (
    account_id   uuid        NOT NULL REFERENCES accounts,
    id           uuid        NOT NULL,
    channel_id   uuid        NOT NULL,
    body         bytea       NOT NULL,
    sha256       bytea       NOT NULL,
    received_at  timestamptz NOT NULL,
    attempts     integer     NOT NULL DEFAULT 0,
    due_at       timestamptz NOT NULL,
    -- With an `error`: given up.
    processed_at timestamptz,
    error        text,
    PRIMARY KEY (account_id, id),
    UNIQUE (channel_id, sha256),
    FOREIGN KEY (account_id, channel_id) REFERENCES channels
);

CREATE INDEX raw_events_waiting ON raw_events (channel_id, due_at) WHERE processed_at IS NULL;

-- One row an account: the number of its latest outbox row, counted under this row's lock. Everything
-- that changes an inbox takes this lock first, so that such transactions cannot deadlock.
CREATE TABLE inbox_streams (
    account_id uuid   PRIMARY KEY REFERENCES accounts,
    last_seq   bigint NOT NULL DEFAULT 0
);

CREATE TABLE outbox (
    account_id   uuid        NOT NULL REFERENCES accounts,
    seq          bigint      NOT NULL,
    event        jsonb       NOT NULL,
    created_at   timestamptz NOT NULL,
    published_at timestamptz,
    PRIMARY KEY (account_id, seq)
);

CREATE INDEX outbox_waiting ON outbox (account_id, seq) WHERE published_at IS NULL;

CREATE TABLE replies (
    account_id      uuid        NOT NULL REFERENCES accounts,
    message_id      uuid        NOT NULL,
    conversation_id uuid        NOT NULL,
    -- The message's place in its conversation: replies leave in this order.
    seq             bigint      NOT NULL,
    attempts        integer     NOT NULL DEFAULT 0,
    due_at          timestamptz NOT NULL,
    done_at         timestamptz,
    error           text,
    PRIMARY KEY (account_id, message_id),
    FOREIGN KEY (account_id, message_id) REFERENCES messages,
    FOREIGN KEY (account_id, conversation_id) REFERENCES conversations
);

CREATE INDEX replies_waiting ON replies (due_at) WHERE done_at IS NULL;
CREATE INDEX replies_waiting_in_conversation ON replies (account_id, conversation_id, seq)
    WHERE done_at IS NULL;

CREATE TABLE webhooks (
    account_id uuid        NOT NULL REFERENCES accounts,
    id         uuid        NOT NULL,
    kind       text        NOT NULL CHECK (kind IN ('n8n')),
    url        text        NOT NULL,
    -- The header that carries the shared secret.
    header     text        NOT NULL,
    -- Sealed.
    secret     bytea       NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (account_id, id)
);

CREATE TABLE webhook_deliveries (
    account_id uuid        NOT NULL REFERENCES accounts,
    webhook_id uuid        NOT NULL,
    seq        bigint      NOT NULL,
    attempts   integer     NOT NULL DEFAULT 0,
    due_at     timestamptz NOT NULL,
    done_at    timestamptz,
    error      text,
    PRIMARY KEY (account_id, webhook_id, seq),
    FOREIGN KEY (account_id, webhook_id) REFERENCES webhooks,
    FOREIGN KEY (account_id, seq) REFERENCES outbox
);

CREATE INDEX webhook_deliveries_waiting ON webhook_deliveries (due_at) WHERE done_at IS NULL;

DO $$
DECLARE tenant_table text;
BEGIN
    FOREACH tenant_table IN ARRAY ARRAY['raw_events', 'inbox_streams', 'outbox', 'replies',
                                        'webhooks', 'webhook_deliveries'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', tenant_table);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', tenant_table);
        EXECUTE format('CREATE POLICY one_account ON %I TO switchboard_app
            USING      (account_id = current_setting(''app.account_id'')::uuid)
            WITH CHECK (account_id = current_setting(''app.account_id'')::uuid)', tenant_table);
    END LOOP;
END $$;

GRANT SELECT ON raw_events TO switchboard_app;
GRANT UPDATE (attempts, due_at, processed_at, error) ON raw_events TO switchboard_app;
GRANT SELECT, INSERT, UPDATE ON inbox_streams, replies, webhook_deliveries, webhooks TO switchboard_app;
GRANT SELECT, INSERT ON outbox TO switchboard_app;

-- Arrive, be taken, be finished: on whosever behalf.
GRANT SELECT, INSERT ON raw_events TO switchboard_system;
GRANT UPDATE (attempts, due_at, processed_at, error) ON raw_events TO switchboard_system;
CREATE POLICY queue ON raw_events TO switchboard_system USING (true) WITH CHECK (true);

GRANT SELECT ON outbox TO switchboard_system;
GRANT UPDATE (published_at) ON outbox TO switchboard_system;
CREATE POLICY queue ON outbox TO switchboard_system USING (true) WITH CHECK (true);

GRANT SELECT ON replies TO switchboard_system;
GRANT UPDATE (attempts, due_at) ON replies TO switchboard_system;
CREATE POLICY queue ON replies TO switchboard_system USING (true) WITH CHECK (true);

GRANT SELECT ON webhook_deliveries TO switchboard_system;
GRANT UPDATE (attempts, due_at) ON webhook_deliveries TO switchboard_system;
CREATE POLICY queue ON webhook_deliveries TO switchboard_system USING (true) WITH CHECK (true);
