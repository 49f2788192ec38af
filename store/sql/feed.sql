-- The change feed: what changes in the tables that clients may follow, in the order of commit.
--
-- A table joins by a `feed_row` and a line at the end of feed_rows.sql, and by its name and permission in
-- `common::protocol::feed::Table`. It needs an `account_id` and an `id`.

-- What takes the account's sequence: shared by those who change, alone by those who begin to follow. So a
-- change that looked before somebody followed is committed before that one is told to be following.
CREATE OR REPLACE FUNCTION change_sequence_lock(account uuid) RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT hashtextextended(account::text, 4711)
$$;

-- Whether anybody follows, which stays so until the transaction ends.
CREATE OR REPLACE FUNCTION is_followed(account uuid) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock_shared(change_sequence_lock(account));
    -- A statement of its own: it must see what was committed while the lock was waited for.
    PERFORM FROM change_sequences WHERE account_id = account AND followed_until > clock_timestamp();
    RETURN FOUND;
END $$;

-- Writes a change down under the account's next number, and has those who listen told.
CREATE OR REPLACE FUNCTION record_change(
    account uuid, source name, operation text, changed uuid, before jsonb, after jsonb
) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    number bigint;
BEGIN
    UPDATE change_sequences SET last_seq = last_seq + 1 WHERE account_id = account RETURNING last_seq INTO number;
    INSERT INTO changes (account_id, seq, table_name, operation, row_id, before, after, at)
        VALUES (account, number, source, operation, changed, before, after, clock_timestamp());
    PERFORM pg_notify('switchboard_changes', account::text);
END $$;

-- Records a change at the end of the transaction, when nothing else is waited for any more: numbers are in the order
-- of commit, and the sequence is held no longer than a commit takes.
--
-- Kept are, of an update, those members as they were that are different; of a deletion those that are ids, by which
-- followers know what is meant: what is deleted is not kept here.
--
-- This runs for each row that is written: what `is_followed` and `record_change` do stands here itself, because a
-- call costs as much as what it does.
CREATE OR REPLACE FUNCTION note_change() RETURNS trigger LANGUAGE plpgsql SET timezone = 'UTC' AS $$
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
    -- That nobody follows stays so until the transaction ends: one look is enough for all of its rows.
    IF current_setting('app.unfollowed', true) = account::text THEN
        RETURN NULL;
    END IF;
    PERFORM pg_advisory_xact_lock_shared(change_sequence_lock(account));
    PERFORM FROM change_sequences WHERE account_id = account AND followed_until > clock_timestamp();
    IF NOT FOUND THEN
        PERFORM set_config('app.unfollowed', account::text, true);
        RETURN NULL;
    END IF;
    IF TG_OP = 'DELETE' THEN
        row_id := OLD.id;
        SELECT jsonb_object_agg(key, value) INTO before FROM jsonb_each(feed_row(OLD))
            WHERE value #>> '{}' ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$';
    ELSE
        row_id := NEW.id;
        after := feed_row(NEW);
        IF TG_OP = 'UPDATE' THEN
            SELECT jsonb_object_agg(key, value) INTO before FROM jsonb_each(feed_row(OLD))
                WHERE value IS DISTINCT FROM after -> key;
            IF before IS NULL THEN
                RETURN NULL;
            END IF;
        END IF;
        -- Once, and only of what is recorded: this is looked up, and is the same before and after.
        IF TG_TABLE_NAME IN ('calls', 'contacts', 'conversations') THEN
            after := after || feed_joined(NEW);
        END IF;
    END IF;
    UPDATE change_sequences SET last_seq = last_seq + 1 WHERE account_id = account RETURNING last_seq INTO number;
    INSERT INTO changes (account_id, seq, table_name, operation, row_id, before, after, at)
        VALUES (account, number, TG_TABLE_NAME, lower(TG_OP), row_id, before, after, clock_timestamp());
    PERFORM pg_notify('switchboard_changes', account::text);
    RETURN NULL;
END $$;

-- Records that a member has changed which a row takes from elsewhere. `before` has it as it was, or something of
-- the same kind in its place where that is not known any more: filters can only name members that are.
CREATE OR REPLACE FUNCTION note_member(account uuid, source regclass, changed uuid, before jsonb) RETURNS void
LANGUAGE plpgsql SET timezone = 'UTC' SET enable_seqscan = off AS $$
DECLARE
    after jsonb;
BEGIN
    -- All that this transaction does is in what it has recorded of the row already: once is enough.
    PERFORM FROM changes c
        WHERE c.account_id = account AND c.row_id = changed AND c.xmin = pg_current_xact_id()::xid
          AND (c.operation <> 'update' OR c.before ?| ARRAY(SELECT jsonb_object_keys(note_member.before)));
    IF FOUND THEN
        RETURN;
    END IF;
    EXECUTE format(CASE WHEN source::text IN ('calls', 'contacts', 'conversations')
            THEN 'SELECT feed_row(r) || feed_joined(r) FROM %s r WHERE account_id = $1 AND id = $2'
            ELSE 'SELECT feed_row(r) FROM %s r WHERE account_id = $1 AND id = $2' END, source)
        INTO after USING account, changed;
    IF after IS NOT NULL THEN
        PERFORM record_change(account, source::text, 'update', changed, before, after);
    END IF;
END $$;

-- What other tables have of the rows that are followed. Not a webhook's `failingSince`: whoever notes that has its
-- queue, for which those wait at the end of their transaction who have the sequence.
CREATE OR REPLACE FUNCTION note_part() RETURNS trigger LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE
    part  record;
    other uuid;
BEGIN
    IF TG_OP = 'DELETE' THEN
        part := OLD;
    ELSE
        part := NEW;
    END IF;
    IF NOT is_followed(part.account_id) THEN
        RETURN NULL;
    END IF;
    CASE TG_TABLE_NAME
    WHEN 'conversation_labels' THEN
        -- A label that is deleted leaves every conversation, which may be all there are: that is told of the label.
        PERFORM FROM labels WHERE account_id = part.account_id AND id = part.label_id;
        IF FOUND THEN
            PERFORM note_member(part.account_id, 'conversations', part.conversation_id, '{"labelIds": []}');
        END IF;
    WHEN 'call_parties' THEN
        PERFORM note_member(part.account_id, 'calls', part.call_id, '{"participants": []}');
    WHEN 'contact_identities' THEN
        FOR other IN SELECT unnest(ARRAY[id, merged_into]) FROM contacts
            WHERE account_id = part.account_id AND id = part.contact_id
        LOOP
            PERFORM note_member(part.account_id, 'contacts', other, '{"identities": []}');
        END LOOP;
    WHEN 'contacts' THEN
        -- Who stands for another has its identities, and both are shown beside their conversations.
        FOREACH other IN ARRAY ARRAY[OLD.merged_into, NEW.merged_into] LOOP
            PERFORM note_member(part.account_id, 'contacts', other, '{"identities": []}');
        END LOOP;
        FOR other IN SELECT c.id FROM conversations c
            WHERE c.account_id = part.account_id AND c.contact_id = ANY (ARRAY(SELECT part.id UNION ALL
                SELECT merged.id FROM contacts merged
                WHERE merged.account_id = part.account_id AND merged.merged_into = part.id))
        LOOP
            PERFORM note_member(part.account_id, 'conversations', other,
                jsonb_build_object('contact', jsonb_build_object('id', part.id, 'name', '')));
        END LOOP;
    WHEN 'roles' THEN
        FOR other IN SELECT id FROM users WHERE account_id = part.account_id AND role_id = part.id LOOP
            PERFORM note_member(part.account_id, 'users', other, '{"permissions": []}');
        END LOOP;
    END CASE;
    RETURN NULL;
END $$;

-- Lets clients follow a table, if they may not yet; or has what it has of others' rows noted, `WHEN` that concerns them.
CREATE OR REPLACE FUNCTION feed(source regclass, function regproc DEFAULT 'note_change',
    events text DEFAULT 'INSERT OR UPDATE OR DELETE', condition text DEFAULT 'true') RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM pg_trigger WHERE tgrelid = source AND tgname = function::text;
    IF NOT FOUND THEN
        EXECUTE format('CREATE CONSTRAINT TRIGGER %I AFTER %s ON %s
            DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (%s) EXECUTE FUNCTION %s()',
            function, events, source, condition, function);
    END IF;
END $$;
REVOKE EXECUTE ON FUNCTION feed(regclass, regproc, text, text) FROM PUBLIC;
