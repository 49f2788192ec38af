-- Who is or was part of a call: who called, who was called, and who was rung into it while it went on. Each has an
-- outcome of their own, and may have missed it.

CREATE TABLE call_parties (
    account_id    uuid        NOT NULL,
    call_id       uuid        NOT NULL,
    user_id       uuid        NOT NULL,
    -- In the order in which they came to it; 0 called.
    position      smallint    NOT NULL,
    -- Who rang them last; of the one who called, they themselves.
    invited_by    uuid        NOT NULL,
    -- Whether that one is out of the call once this one is in it.
    is_transfer   boolean     NOT NULL DEFAULT false,
    invited_at    timestamptz NOT NULL,
    joined_at     timestamptz,
    left_at       timestamptz,
    -- By which they are in it, or were last; null while they are rung.
    connection_id uuid,
    -- Null while they are rung or in it.
    outcome       text,
    PRIMARY KEY (account_id, call_id, user_id),
    FOREIGN KEY (account_id, call_id) REFERENCES calls
);

SELECT protect('call_parties');
GRANT SELECT, INSERT, UPDATE ON call_parties TO switchboard_app;

ALTER TABLE calls NO FORCE ROW LEVEL SECURITY;
ALTER TABLE call_parties NO FORCE ROW LEVEL SECURITY;
INSERT INTO call_parties
    (account_id, call_id, user_id, position, invited_by, invited_at, joined_at, left_at, connection_id, outcome)
    SELECT account_id, id, caller_id, 0, caller_id, started_at, started_at, ended_at, caller_connection, outcome FROM calls
    UNION ALL
    SELECT account_id, id, callee_id, 1, caller_id, started_at, answered_at,
           CASE WHEN answered_at IS NOT NULL THEN ended_at END, callee_connection, outcome FROM calls
    ON CONFLICT DO NOTHING;
ALTER TABLE call_parties FORCE ROW LEVEL SECURITY;
ALTER TABLE calls FORCE ROW LEVEL SECURITY;

ALTER TABLE calls DROP COLUMN caller_connection, DROP COLUMN callee_connection;
