-- What numbers events is a sequence, here and on the wire. And functions live in files of their own (`store/sql`),
-- which are applied after the migrations whenever they have changed: here those go that are made differently there.

ALTER TABLE inbox_streams RENAME TO inbox_sequences;
ALTER TABLE inbox_sequences RENAME CONSTRAINT inbox_streams_pkey TO inbox_sequences_pkey;
ALTER TABLE inbox_sequences RENAME CONSTRAINT inbox_streams_account_id_fkey TO inbox_sequences_account_id_fkey;
ALTER TABLE change_streams RENAME TO change_sequences;
ALTER TABLE change_sequences RENAME CONSTRAINT change_streams_pkey TO change_sequences_pkey;
ALTER TABLE change_sequences RENAME CONSTRAINT change_streams_account_id_fkey TO change_sequences_account_id_fkey;

-- Rows of the feed get the shape of what REST serves. Those that are recorded have another: they go, and whoever
-- resumes across that sees a gap.
DO $$
DECLARE followed regclass;
BEGIN
    FOR followed IN SELECT tgrelid FROM pg_trigger WHERE tgname = 'note_change' LOOP
        EXECUTE format('DROP TRIGGER note_change ON %s', followed);
        EXECUTE format('DROP FUNCTION feed_row(%s)', followed);
    END LOOP;
END $$;
DROP FUNCTION feed(regclass, text, text[]);
DROP FUNCTION note_change();
DROP FUNCTION change_stream_lock(uuid);
TRUNCATE changes;
ALTER TABLE change_sequences NO FORCE ROW LEVEL SECURITY;
UPDATE change_sequences SET last_seq = last_seq + 1;
ALTER TABLE change_sequences FORCE ROW LEVEL SECURITY;

-- Which functions the database has: the digest of `store/sql`.
CREATE TABLE sql_functions (checksum bytea NOT NULL);
GRANT SELECT ON sql_functions TO switchboard_app;
