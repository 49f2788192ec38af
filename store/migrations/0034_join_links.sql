-- Join links: whoever has one comes into its room as a guest, without an account.

CREATE TABLE join_links (
    account_id uuid        NOT NULL REFERENCES accounts,
    id         uuid        NOT NULL,
    room_id    uuid        NOT NULL,
    -- What guests may do in the room.
    rights     text[]      NOT NULL,
    -- SHA-256: the token itself is 256 random bits.
    hash       bytea       NOT NULL UNIQUE,
    created_by uuid        NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    -- How many guests came by it, and how many may; null: as many as there are.
    uses       integer     NOT NULL DEFAULT 0,
    uses_max   integer     CHECK (uses_max > 0),
    revoked_at timestamptz,
    PRIMARY KEY (account_id, id),
    FOREIGN KEY (account_id, room_id) REFERENCES rooms ON DELETE CASCADE
);
CREATE INDEX join_links_of_room ON join_links (account_id, room_id, id);
CREATE INDEX join_links_by_end ON join_links (account_id, expires_at);

SELECT protect('join_links');
GRANT SELECT, INSERT, DELETE ON join_links TO switchboard_app;
GRANT UPDATE (uses, revoked_at) ON join_links TO switchboard_app;
-- Whose link is it?
GRANT SELECT (account_id, hash) ON join_links TO switchboard_system;
CREATE POLICY sign_in ON join_links FOR SELECT TO switchboard_system USING (true);
