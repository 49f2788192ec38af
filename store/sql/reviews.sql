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
    INSERT INTO room_reviews (account_id, room_id)
        SELECT DISTINCT account_id, room_id FROM affected ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;

-- Not of a room that is said something in: these columns are not among those that this changes.
CREATE OR REPLACE TRIGGER review_restricted AFTER UPDATE OF is_private, closed_at ON rooms FOR EACH ROW
    WHEN ((NEW.is_private AND NOT OLD.is_private) OR (NEW.closed_at IS NOT NULL AND OLD.closed_at IS NULL))
    EXECUTE FUNCTION note_review_of_room();
CREATE OR REPLACE TRIGGER review_deleted AFTER DELETE ON rooms FOR EACH ROW EXECUTE FUNCTION note_review_of_room();
CREATE OR REPLACE TRIGGER review_left AFTER DELETE ON room_members
    REFERENCING OLD TABLE AS affected FOR EACH STATEMENT EXECUTE FUNCTION note_reviews();
CREATE OR REPLACE TRIGGER review_banned AFTER INSERT ON room_bans
    REFERENCING NEW TABLE AS affected FOR EACH STATEMENT EXECUTE FUNCTION note_reviews();
CREATE OR REPLACE TRIGGER review_removed AFTER INSERT ON room_removals
    REFERENCING NEW TABLE AS affected FOR EACH STATEMENT EXECUTE FUNCTION note_reviews();
CREATE OR REPLACE TRIGGER review_removed_again AFTER UPDATE ON room_removals
    REFERENCING NEW TABLE AS affected FOR EACH STATEMENT EXECUTE FUNCTION note_reviews();
