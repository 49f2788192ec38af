-- The name by which clients join a room, in its one form; null of rooms that are entered by their id alone.
--
-- Apart from `name`, which is what people read and may change.
ALTER TABLE rooms
    ADD COLUMN join_name text CHECK (octet_length(join_name) BETWEEN 1 AND 255);
CREATE UNIQUE INDEX rooms_by_name ON rooms (account_id, join_name) WHERE join_name IS NOT NULL;
