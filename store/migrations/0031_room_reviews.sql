-- Rooms of which something has changed that may keep out who is in them: triggers (sql/reviews.sql) write it down,
-- whoever changes it, and hubs read what is new of all accounts and look there again who may stay.

CREATE TABLE room_reviews (
    account_id uuid        NOT NULL REFERENCES accounts,
    -- Refers to no row: the room may be gone.
    room_id    uuid        NOT NULL,
    -- By whom readers tell what is new: what they did not see when they read last was written by no transaction that is
    -- older than the oldest one that was open then, in whatever order they commit.
    xact       xid8        NOT NULL DEFAULT pg_current_xact_id(),
    at         timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (account_id, room_id, xact)
);
CREATE INDEX room_reviews_new ON room_reviews (xact);
CREATE INDEX room_reviews_by_age ON room_reviews (account_id, at);

SELECT protect('room_reviews');

GRANT SELECT, INSERT, DELETE ON room_reviews TO switchboard_app;
GRANT SELECT (account_id, room_id, xact) ON room_reviews TO switchboard_system;
CREATE POLICY all_accounts ON room_reviews FOR SELECT TO switchboard_system USING (true);
