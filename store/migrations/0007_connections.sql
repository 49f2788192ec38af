-- Channels and webhooks that can be changed and switched off, and deliveries to look at.

ALTER TABLE channels ADD COLUMN disabled_at timestamptz;
GRANT DELETE ON channels TO switchboard_app;
GRANT SELECT (disabled_at) ON channels TO switchboard_system;

ALTER TABLE webhooks
    DROP CONSTRAINT webhooks_kind_check,
    ADD CHECK (kind IN ('n8n', 'standard')),
    -- The names of the events that it is told about.
    ADD COLUMN events text[] NOT NULL DEFAULT '{messageCreated}',
    ADD COLUMN disabled_at timestamptz;

ALTER TABLE webhook_deliveries
    -- The HTTP status of the last answer; absent if there was none.
    ADD COLUMN answer_status smallint,
    DROP CONSTRAINT webhook_deliveries_account_id_webhook_id_fkey,
    ADD FOREIGN KEY (account_id, webhook_id) REFERENCES webhooks ON DELETE CASCADE;
GRANT DELETE ON webhooks TO switchboard_app;
