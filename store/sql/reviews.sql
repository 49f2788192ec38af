-- What may keep out of a room who is in it: that it is gone, closed or for its members only by now, and that somebody
-- is a member no longer, was removed or is banned. `Visitor::must_leave` of the hub's core decides by nothing else, and
-- none of it comes to pass by time alone.

CREATE OR REPLACE FUNCTION note_review_of_room() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO room_reviews (account_id, room_id) VALUES (OLD.account_id, OLD.id) ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION note_reviews() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- A room that is gone has been noted as that. With it go its members, and triggers of what is deleted with another
    -- row run as the owner of the tables (since Postgres 18), who may write no account's rows.
    INSERT INTO room_reviews (account_id, room_id)
        SELECT DISTINCT account_id, room_id FROM affected
        WHERE EXISTS (SELECT FROM rooms WHERE rooms.account_id = affected.account_id AND rooms.id = affected.room_id)
        ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;

-- Only those that are not there: replacing one would stop everybody who writes to its table. Nothing of a room that is
-- said something in: the columns are not among those that this changes.
DO $$
DECLARE wanted record;
BEGIN
    FOR wanted IN SELECT * FROM (VALUES
        ('rooms', 'review_restricted', 'AFTER UPDATE OF is_private, closed_at ON rooms FOR EACH ROW
            WHEN ((NEW.is_private AND NOT OLD.is_private) OR (NEW.closed_at IS NOT NULL AND OLD.closed_at IS NULL))
            EXECUTE FUNCTION note_review_of_room()'),
        ('rooms', 'review_deleted', 'AFTER DELETE ON rooms FOR EACH ROW EXECUTE FUNCTION note_review_of_room()'),
        ('room_members', 'review_left', 'AFTER DELETE ON room_members
            REFERENCING OLD TABLE AS affected FOR EACH STATEMENT EXECUTE FUNCTION note_reviews()'),
        ('room_bans', 'review_banned', 'AFTER INSERT ON room_bans
            REFERENCING NEW TABLE AS affected FOR EACH STATEMENT EXECUTE FUNCTION note_reviews()'),
        ('room_removals', 'review_removed', 'AFTER INSERT ON room_removals
            REFERENCING NEW TABLE AS affected FOR EACH STATEMENT EXECUTE FUNCTION note_reviews()'),
        ('room_removals', 'review_removed_again', 'AFTER UPDATE ON room_removals
            REFERENCING NEW TABLE AS affected FOR EACH STATEMENT EXECUTE FUNCTION note_reviews()')
    ) AS t (source, name, definition) LOOP
        PERFORM FROM pg_trigger WHERE tgrelid = wanted.source::regclass AND tgname = wanted.name;
        IF NOT FOUND THEN
            EXECUTE format('CREATE TRIGGER %I %s', wanted.name, wanted.definition);
        END IF;
    END LOOP;
END $$;
