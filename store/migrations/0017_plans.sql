-- Plans that stay good at any size, whatever statistics say and whenever they were taken.

-- Every index of a tenant table begins with the account, so whether the planner takes the right one must not hang on
-- how many rows it believes an account to have. With statistics it believes an account that is newer than they are to
-- have none: all indexes look alike then, and a look-up by id may read everything that the account has. Without, it
-- takes every account for a part of the table (1/200), which only ever speaks for the narrowest index.
CREATE FUNCTION without_statistics(tenant_table regclass, column_name text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('ALTER TABLE %s ALTER COLUMN %I SET STATISTICS 0', tenant_table, column_name);
    BEGIN
        -- What was gathered before stays otherwise, and only a superuser may delete it.
        DELETE FROM pg_statistic WHERE starelid = tenant_table AND staattnum =
            (SELECT attnum FROM pg_attribute WHERE attrelid = tenant_table AND attname = column_name);
    EXCEPTION WHEN insufficient_privilege THEN NULL;
    END;
END $$;
REVOKE EXECUTE ON FUNCTION without_statistics(regclass, text) FROM PUBLIC;

DO $$
DECLARE tenant_table regclass;
BEGIN
    FOR tenant_table IN SELECT attrelid FROM pg_attribute JOIN pg_class c ON c.oid = attrelid
        WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'r' AND attname = 'account_id'
    LOOP
        PERFORM without_statistics(tenant_table, 'account_id');
    END LOOP;
END $$;

-- And for tables to come.
CREATE OR REPLACE FUNCTION protect(tenant_table regclass) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', tenant_table);
    EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', tenant_table);
    EXECUTE format('CREATE POLICY one_account ON %s TO switchboard_app
        USING      (account_id = current_setting(''app.account_id'')::uuid)
        WITH CHECK (account_id = current_setting(''app.account_id'')::uuid)', tenant_table);
    PERFORM without_statistics(tenant_table, 'account_id');
END $$;

-- Webhooks in the order in which they are taken.
CREATE INDEX raw_events_in_order ON raw_events (channel_id, received_at, id) WHERE processed_at IS NULL;
-- And by when they are due: whether a channel has one. `attempts >= 0` is always so, and said only by those who mean
-- this index: all that waits of a channel would be sorted otherwise whenever it looks as short as the other one.
DROP INDEX raw_events_waiting;
CREATE INDEX raw_events_due ON raw_events (channel_id, due_at) WHERE processed_at IS NULL AND attempts >= 0;
SELECT without_statistics('raw_events', 'channel_id');
-- Those whose bodies are still kept.
CREATE INDEX raw_events_kept ON raw_events (account_id, processed_at) WHERE length(body) > 0;

-- What is narrowed by one thing is found by it.
CREATE INDEX changes_of_row ON changes (account_id, row_id);
CREATE INDEX audit_entries_of_action ON audit_entries (account_id, action, id DESC);
CREATE INDEX calls_of_room ON calls (account_id, room_id, started_at DESC, id DESC);
CREATE INDEX conversations_latest_by_priority ON conversations (account_id, priority, last_message_at DESC, id DESC)
    WHERE priority <> 'none';
CREATE INDEX conversations_latest_by_assignee_and_status
    ON conversations (account_id, assignee_id, status, last_message_at DESC, id DESC) WHERE assignee_id IS NOT NULL;
CREATE INDEX conversations_latest_by_team_and_status
    ON conversations (account_id, team_id, status, last_message_at DESC, id DESC) WHERE team_id IS NOT NULL;
CREATE INDEX imports_by_age ON imports (account_id, finished_at) WHERE finished_at IS NOT NULL;
CREATE INDEX import_rows_by_outcome ON import_rows (account_id, import_id, outcome, number) WHERE outcome IS NOT NULL;
CREATE INDEX rooms_for_all ON rooms (account_id, id) WHERE NOT is_private;
DROP INDEX room_members_of_user;
CREATE INDEX room_members_of_user ON room_members (account_id, user_id, room_id);
CREATE INDEX users_administrators ON users (account_id)
    WHERE role = 'ADMIN' AND role_id IS NULL AND deactivated_at IS NULL;

-- For the check when a role is deleted.
CREATE INDEX invitations_of_role ON invitations (account_id, role_id) WHERE role_id IS NOT NULL;

-- Queues: what is done leaves a dead entry in the index of what waits, which every look for work passes over until
-- vacuum takes it away. By default that would be after a fifth of the table, which keeps what is done.
ALTER TABLE raw_events SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000,
    autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 5000);
ALTER TABLE outbox SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000,
    autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 5000);
ALTER TABLE replies SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000,
    autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 5000);
ALTER TABLE webhook_deliveries SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000,
    autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 5000);
