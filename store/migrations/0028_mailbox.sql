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

-- Browsers and other devices that are reached while nothing of theirs is connected (RFC 8030).
CREATE TABLE push_subscriptions (
    account_id      uuid        NOT NULL REFERENCES accounts,
    id              uuid        NOT NULL,
    user_id         uuid        NOT NULL,
    -- With which it ends; null of an outside issuer's users.
    sign_in_id      uuid,
    endpoint_sha256 bytea       NOT NULL,
    -- Of which push service it is, for people.
    service         text        NOT NULL,
    -- Endpoint and keys: whoever has them can notify the device.
    sealed          bytea       NOT NULL,
    created_at      timestamptz NOT NULL,
    PRIMARY KEY (account_id, id),
    UNIQUE (account_id, endpoint_sha256)
);
CREATE INDEX push_subscriptions_of_user ON push_subscriptions (account_id, user_id, id);

-- By which push services know that it is this account that pushes (RFC 8292). The private half is sealed.
CREATE TABLE push_keys (
    account_id  uuid        NOT NULL PRIMARY KEY REFERENCES accounts,
    public_key  bytea       NOT NULL,
    private_key bytea       NOT NULL,
    created_at  timestamptz NOT NULL
);

-- What devices and programs are yet to be notified of, or were: of each topic the latest alone.
CREATE TABLE notifications (
    account_id  uuid        NOT NULL REFERENCES accounts,
    user_id     uuid        NOT NULL,
    -- A room or a call. What comes later under it takes the place of what was shown.
    topic       uuid        NOT NULL,
    -- A push subscription, or a webhook.
    target_id   uuid        NOT NULL,
    kind        text        NOT NULL,
    from_id     uuid        NOT NULL,
    from_name   text        NOT NULL,
    room_id     uuid        NOT NULL,
    message_seq bigint,
    call_id     uuid,
    created_at  timestamptz NOT NULL,
    due_at      timestamptz NOT NULL,
    expires_at  timestamptz NOT NULL,
    done_at     timestamptz,
    attempts    integer     NOT NULL DEFAULT 0,
    -- Counts what took the place of what was there before.
    version     bigint      NOT NULL DEFAULT 0,
    -- Whether something under this topic may be shown.
    is_shown    boolean     NOT NULL DEFAULT false,
    PRIMARY KEY (account_id, user_id, topic, target_id)
);
CREATE INDEX notifications_due ON notifications (due_at) WHERE done_at IS NULL;
CREATE INDEX notifications_of_target ON notifications (account_id, target_id);
CREATE INDEX notifications_by_end ON notifications (account_id, expires_at);

SELECT protect('push_subscriptions'), protect('push_keys'), protect('notifications');

GRANT SELECT, INSERT, UPDATE, DELETE ON push_subscriptions, notifications TO switchboard_app;
GRANT SELECT, INSERT, UPDATE ON push_keys TO switchboard_app;

GRANT SELECT (account_id, user_id, topic, target_id, due_at, done_at, attempts, version), UPDATE (due_at, attempts)
    ON notifications TO switchboard_system;
CREATE POLICY waiting ON notifications TO switchboard_system USING (done_at IS NULL);
