-- Customers: channels, contacts, conversations, messages.

CREATE TABLE channels (
    account_id   uuid        NOT NULL REFERENCES accounts,
    -- Also unique alone: webhooks name the channel and nothing else.
    id           uuid        NOT NULL UNIQUE,
    kind         text        NOT NULL CHECK (kind IN ('whatsapp')),
    name         text        NOT NULL,
    -- What the provider calls it: the phone number id of a WhatsApp number.
    external_id  text        NOT NULL,
    -- Sealed: AES-256-GCM under a key that the database does not have.
    access_token bytea       NOT NULL,
    app_secret   bytea       NOT NULL,
    verify_token bytea       NOT NULL,
    created_at   timestamptz NOT NULL,
    PRIMARY KEY (account_id, id),
    -- Over all accounts: a number cannot be answered from two.
    UNIQUE (kind, external_id)
);

CREATE TABLE contacts (
    account_id uuid        NOT NULL REFERENCES accounts,
    id         uuid        NOT NULL,
    name       text        NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (account_id, id)
);

-- How a channel names a contact. Several names may mean the same person.
CREATE TABLE contact_identities (
    account_id uuid NOT NULL REFERENCES accounts,
    channel_id uuid NOT NULL,
    scheme     text NOT NULL,
    value      text NOT NULL,
    contact_id uuid NOT NULL,
    PRIMARY KEY (account_id, channel_id, scheme, value),
    FOREIGN KEY (account_id, channel_id) REFERENCES channels,
    FOREIGN KEY (account_id, contact_id) REFERENCES contacts
);

CREATE INDEX contact_identities_of_contact ON contact_identities (account_id, contact_id, channel_id);

CREATE TABLE conversations (
    account_id      uuid        NOT NULL REFERENCES accounts,
    id              uuid        NOT NULL,
    channel_id      uuid        NOT NULL,
    contact_id      uuid        NOT NULL,
    status          text        NOT NULL CHECK (status IN ('open', 'resolved')),
    assignee_id     uuid,
    unread          integer     NOT NULL DEFAULT 0,
    preview         text        NOT NULL DEFAULT '',
    last_message_at timestamptz NOT NULL,
    -- The number of the latest message, counted under this row's lock.
    last_seq        bigint      NOT NULL DEFAULT 0,
    created_at      timestamptz NOT NULL,
    PRIMARY KEY (account_id, id),
    UNIQUE (account_id, channel_id, contact_id),
    FOREIGN KEY (account_id, channel_id) REFERENCES channels,
    FOREIGN KEY (account_id, contact_id) REFERENCES contacts,
    FOREIGN KEY (account_id, assignee_id) REFERENCES users
);

CREATE INDEX conversations_latest ON conversations (account_id, last_message_at DESC, id DESC);
CREATE INDEX conversations_latest_by_status
    ON conversations (account_id, status, last_message_at DESC, id DESC);

CREATE TABLE messages (
    account_id       uuid        NOT NULL REFERENCES accounts,
    id               uuid        NOT NULL,
    conversation_id  uuid        NOT NULL,
    -- Its place in the conversation, in the order of storing: the channel's clock only has seconds.
    seq              bigint      NOT NULL,
    channel_id       uuid        NOT NULL,
    direction        text        NOT NULL CHECK (direction IN ('inbound', 'outbound')),
    author_id        uuid,
    kind             text        NOT NULL,
    text             text,
    metadata         jsonb       NOT NULL DEFAULT '{}',
    -- The channel's id; absent until the channel has accepted an outbound message.
    external_id      text,
    status           text        NOT NULL
                     CHECK (status IN ('queued', 'sent', 'delivered', 'read', 'failed')),
    error            text,
    created_at       timestamptz NOT NULL,
    sent_at          timestamptz,
    delivered_at     timestamptz,
    read_at          timestamptz,
    failed_at        timestamptz,
    idempotency_key  text,
    PRIMARY KEY (account_id, id),
    UNIQUE (account_id, conversation_id, seq),
    UNIQUE (account_id, channel_id, external_id),
    UNIQUE (account_id, author_id, idempotency_key),
    FOREIGN KEY (account_id, conversation_id) REFERENCES conversations,
    FOREIGN KEY (account_id, channel_id) REFERENCES channels
);

-- Statuses that came before the message they are about was known by its external id.
CREATE TABLE pending_statuses (
    account_id  uuid        NOT NULL REFERENCES accounts,
    channel_id  uuid        NOT NULL,
    external_id text        NOT NULL,
    status      text        NOT NULL,
    error       text,
    happened_at timestamptz NOT NULL,
    PRIMARY KEY (account_id, channel_id, external_id, status),
    FOREIGN KEY (account_id, channel_id) REFERENCES channels
);

DO $$
DECLARE tenant_table text;
BEGIN
    FOREACH tenant_table IN ARRAY ARRAY['channels', 'contacts', 'contact_identities', 'conversations',
                                        'messages', 'pending_statuses'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', tenant_table);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', tenant_table);
        EXECUTE format('CREATE POLICY one_account ON %I TO switchboard_app
            USING      (account_id = current_setting(''app.account_id'')::uuid)
            WITH CHECK (account_id = current_setting(''app.account_id'')::uuid)', tenant_table);
    END LOOP;
END $$;

GRANT SELECT, INSERT, UPDATE ON channels, contacts, contact_identities, conversations, messages
    TO switchboard_app;
GRANT SELECT, INSERT, DELETE ON pending_statuses TO switchboard_app;

-- A webhook arrives: whose channel is it, and is the signature right? Not the token to send with.
GRANT SELECT (id, account_id, kind, app_secret, verify_token) ON channels TO switchboard_system;
CREATE POLICY webhook_arrives ON channels FOR SELECT TO switchboard_system USING (true);
