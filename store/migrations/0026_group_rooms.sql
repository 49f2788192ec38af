-- What members are in a room, who may not speak in it or enter it, and the one room of two users.

ALTER TABLE room_members
    ADD COLUMN role text NOT NULL DEFAULT 'member' CHECK (role IN ('member', 'moderator', 'owner'));
GRANT UPDATE (role) ON room_members TO switchboard_app;

-- The two, the lesser id first; null of all other rooms.
ALTER TABLE rooms
    ADD COLUMN direct_low  uuid,
    ADD COLUMN direct_high uuid,
    ADD CHECK ((direct_low IS NULL) = (direct_high IS NULL) AND (direct_low IS NULL OR direct_low < direct_high));
CREATE UNIQUE INDEX rooms_of_two ON rooms (account_id, direct_low, direct_high) WHERE direct_low IS NOT NULL;

CREATE TABLE room_mutes (
    account_id uuid        NOT NULL REFERENCES accounts,
    room_id    uuid        NOT NULL,
    user_id    uuid        NOT NULL,
    -- Null until somebody ends it.
    until      timestamptz,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (account_id, room_id, user_id),
    FOREIGN KEY (account_id, room_id) REFERENCES rooms ON DELETE CASCADE
);

CREATE TABLE room_bans (
    account_id uuid        NOT NULL REFERENCES accounts,
    room_id    uuid        NOT NULL,
    user_id    uuid        NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (account_id, room_id, user_id),
    FOREIGN KEY (account_id, room_id) REFERENCES rooms ON DELETE CASCADE
);

SELECT protect('room_mutes'), protect('room_bans');

GRANT SELECT, INSERT, UPDATE, DELETE ON room_mutes TO switchboard_app;
GRANT SELECT, INSERT, DELETE ON room_bans TO switchboard_app;
