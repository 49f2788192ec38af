-- Invitations: somebody chooses a name and a password, and is a user.

CREATE TABLE invitations (
    account_id  uuid        NOT NULL REFERENCES accounts,
    id          uuid        NOT NULL,
    email       text        NOT NULL CHECK (email = lower(email)),
    role        text        NOT NULL CHECK (role IN ('ADMIN', 'USER', 'AGENT_USER')),
    role_id     uuid,
    -- SHA-256: the token itself is 256 random bits.
    hash        bytea       NOT NULL UNIQUE,
    invited_by  uuid        NOT NULL,
    created_at  timestamptz NOT NULL,
    expires_at  timestamptz NOT NULL,
    accepted_at timestamptz,
    revoked_at  timestamptz,
    PRIMARY KEY (account_id, id),
    FOREIGN KEY (account_id, role_id) REFERENCES roles
);

SELECT protect('invitations');
GRANT SELECT, INSERT, UPDATE ON invitations TO switchboard_app;
-- Whose invitation is it?
GRANT SELECT (account_id, hash) ON invitations TO switchboard_system;
CREATE POLICY sign_in ON invitations FOR SELECT TO switchboard_system USING (true);
