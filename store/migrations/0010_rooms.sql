-- Rooms that not everybody may enter, rooms that are over, and who was shown the door.

ALTER TABLE rooms
    -- Only members may enter and read; otherwise whoever of the account may enter rooms.
    ADD COLUMN is_private boolean NOT NULL DEFAULT false,
    -- Nobody enters and nothing is said any more; what was said stays.
    ADD COLUMN closed_at timestamptz;

CREATE TABLE room_members (
    account_id uuid        NOT NULL REFERENCES accounts,
    room_id    uuid        NOT NULL,
    user_id    uuid        NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (account_id, room_id, user_id),
    FOREIGN KEY (account_id, room_id) REFERENCES rooms ON DELETE CASCADE
);
CREATE INDEX room_members_of_user ON room_members (account_id, user_id);

-- Join tokens from before are good no more.
CREATE TABLE room_removals (
    account_id uuid        NOT NULL REFERENCES accounts,
    room_id    uuid        NOT NULL,
    user_id    uuid        NOT NULL,
    removed_at timestamptz NOT NULL,
    PRIMARY KEY (account_id, room_id, user_id),
    FOREIGN KEY (account_id, room_id) REFERENCES rooms ON DELETE CASCADE
);
CREATE INDEX room_removals_by_age ON room_removals (account_id, removed_at);

-- A deleted room takes along what was said in it; calls stay on record.
ALTER TABLE room_messages
    DROP CONSTRAINT room_messages_account_id_room_id_fkey,
    ADD FOREIGN KEY (account_id, room_id) REFERENCES rooms ON DELETE CASCADE;
ALTER TABLE calls DROP CONSTRAINT calls_account_id_room_id_fkey;

SELECT protect('room_members'), protect('room_removals');

GRANT SELECT, INSERT, DELETE ON room_members TO switchboard_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON room_removals TO switchboard_app;
GRANT DELETE ON rooms TO switchboard_app;
