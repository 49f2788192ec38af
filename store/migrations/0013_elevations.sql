-- Times in which a user may do more, on another's word.
CREATE TABLE elevations (
    account_id   uuid        NOT NULL REFERENCES accounts,
    id           uuid        NOT NULL,
    user_id      uuid        NOT NULL,
    -- What the role was called and allowed when it was asked for: that is what was agreed to.
    role_name    text        NOT NULL,
    permissions  text[]      NOT NULL,
    reason       text        NOT NULL,
    minutes      integer     NOT NULL CHECK (minutes > 0),
    requested_at timestamptz NOT NULL,
    decided_by   uuid,
    decided_at   timestamptz,
    -- Absent if it was denied.
    expires_at   timestamptz,
    ended_at     timestamptz,
    PRIMARY KEY (account_id, id),
    FOREIGN KEY (account_id, user_id) REFERENCES users,
    CHECK (decided_by <> user_id),
    CHECK ((decided_by IS NULL) = (decided_at IS NULL)),
    CHECK (expires_at IS NULL OR decided_at IS NOT NULL),
    CHECK (ended_at IS NULL OR expires_at IS NOT NULL)
);
CREATE INDEX elevations_of_user ON elevations (account_id, user_id, expires_at);

SELECT protect('elevations');
GRANT SELECT, INSERT ON elevations TO switchboard_app;
GRANT UPDATE (decided_by, decided_at, expires_at, ended_at) ON elevations TO switchboard_app;
