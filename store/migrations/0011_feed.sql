-- The change feed: what changes in tables that clients may follow, in the order of commit.
--
-- A table joins by one line, `SELECT feed('labels', 'conversations.read')`, in a migration; once more
-- after its columns have changed. It needs an `account_id` and an `id`.

-- Whoever follows anything of an account keeps its stream up; otherwise nothing is recorded.
CREATE TABLE change_streams (
    account_id     uuid        NOT NULL PRIMARY KEY REFERENCES accounts,
    -- The number of the latest change. It skips one where changes went unrecorded.
    last_seq       bigint      NOT NULL,
    followed_until timestamptz NOT NULL
);

CREATE TABLE changes (
    account_id uuid        NOT NULL REFERENCES accounts,
    seq        bigint      NOT NULL,
    table_name text        NOT NULL,
    operation  text        NOT NULL CHECK (operation IN ('insert', 'update', 'delete')),
    row_id     uuid        NOT NULL,
    -- Of an update those members that were different; of a deletion those that are ids, by which followers
    -- know what is meant: what is deleted is not kept here.
    before     jsonb,
    after      jsonb,
    at         timestamptz NOT NULL,
    PRIMARY KEY (account_id, seq)
);
CREATE INDEX changes_by_age ON changes (account_id, at);

SELECT protect('change_streams'), protect('changes');
GRANT SELECT, INSERT, UPDATE ON change_streams TO switchboard_app;
GRANT SELECT, INSERT, DELETE ON changes TO switchboard_app;
-- What a contact leaves behind when it is erased.
GRANT UPDATE (operation, before, after) ON changes TO switchboard_app;

-- What takes the account's stream: shared by those who change, alone by those who begin to follow. So a
-- change that looked before somebody followed is committed before that one is told to be following.
CREATE FUNCTION change_stream_lock(account uuid) RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT hashtextextended(account::text, 4711)
$$;

-- Records a change at the end of the transaction, when nothing else is waited for any more: numbers are in the order
-- of commit, and the stream is held no longer than a commit takes.
CREATE FUNCTION note_change() RETURNS trigger LANGUAGE plpgsql SET timezone = 'UTC' AS $$
DECLARE
    account uuid;
    row_id  uuid;
    before  jsonb;
    after   jsonb;
    number  bigint;
BEGIN
    IF TG_OP = 'DELETE' THEN
        account := OLD.account_id;
    ELSE
        account := NEW.account_id;
    END IF;
    PERFORM pg_advisory_xact_lock_shared(change_stream_lock(account));
    PERFORM FROM change_streams WHERE account_id = account AND followed_until > clock_timestamp();
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    IF TG_OP <> 'INSERT' THEN
        before := feed_row(OLD);
        row_id := OLD.id;
    END IF;
    IF TG_OP <> 'DELETE' THEN
        after := feed_row(NEW);
        row_id := NEW.id;
    END IF;
    IF TG_OP = 'DELETE' THEN
        SELECT jsonb_object_agg(key, value) INTO before FROM jsonb_each(before)
            WHERE value #>> '{}' ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$';
    ELSIF TG_OP = 'UPDATE' THEN
        SELECT jsonb_object_agg(key, value) INTO before FROM jsonb_each(before)
            WHERE value IS DISTINCT FROM after -> key;
        IF before IS NULL THEN
            RETURN NULL;
        END IF;
    END IF;
    UPDATE change_streams SET last_seq = last_seq + 1 WHERE account_id = account RETURNING last_seq INTO number;
    INSERT INTO changes (account_id, seq, table_name, operation, row_id, before, after, at)
        VALUES (account, number, TG_TABLE_NAME, lower(TG_OP), row_id, before, after, clock_timestamp());
    PERFORM pg_notify('switchboard_changes', account::text);
    RETURN NULL;
END $$;

-- Lets clients with `permission` follow a table, without its `hidden` columns and those that are no values
-- for clients: sealed secrets and search indexes.
CREATE FUNCTION feed(source regclass, permission text, hidden text[] DEFAULT '{}') RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    members text;
    names   text;
BEGIN
    SELECT string_agg(format('%L, r.%I', name, attname), ', ' ORDER BY attnum), string_agg(name, ',' ORDER BY attnum)
    INTO members, names
    FROM (
        SELECT attname, attnum,
               lower(left(attname, 1)) || substr(replace(initcap(replace(attname, '_', ' ')), ' ', ''), 2) AS name
        FROM pg_attribute
        WHERE attrelid = source AND attnum > 0 AND NOT attisdropped AND attname <> 'account_id'
          AND attname <> ALL (hidden) AND atttypid NOT IN ('bytea'::regtype, 'tsvector'::regtype)
    ) AS shown;
    EXECUTE format('CREATE OR REPLACE FUNCTION feed_row(r %s) RETURNS jsonb LANGUAGE sql STABLE AS
        $row$ SELECT jsonb_build_object(%s) $row$', source, members);
    EXECUTE format('DROP TRIGGER IF EXISTS note_change ON %s', source);
    EXECUTE format('CREATE CONSTRAINT TRIGGER note_change AFTER INSERT OR UPDATE OR DELETE ON %s
        DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION note_change(%L, %L)',
        source, permission, names);
END $$;
REVOKE EXECUTE ON FUNCTION feed(regclass, text, text[]) FROM PUBLIC;

SELECT feed('conversations', 'conversations.read'),
       feed('messages', 'conversations.read'),
       feed('notes', 'conversations.read'),
       feed('labels', 'conversations.read'),
       feed('canned_responses', 'conversations.read'),
       feed('contacts', 'contacts.read'),
       feed('calls', 'calls.read'),
       feed('channels', 'channels.read'),
       feed('webhooks', 'webhooks.manage'),
       feed('rooms', 'rooms.manage'),
       feed('teams', 'users.read'),
       feed('users', 'users.read', '{password_hash, failed_sign_ins, locked_until}'),
       feed('audit_entries', 'audit.read');
