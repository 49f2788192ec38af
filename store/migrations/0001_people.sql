-- Accounts, their users, and sign-ins.
--
-- Three roles meet here: the owner runs migrations; `switchboard_app` is what requests run as
-- and sees one account at a time; `switchboard_system` works across accounts and has only the
-- columns that its queues and look-ups need. Both exist before the first migration.
--
-- Every tenant table: `account_id` first in its primary key, foreign keys that carry it along so
-- that no row can refer across accounts, forced Row-Level Security, and one policy for the
-- application. Its `current_setting` has no second argument: with no account set it fails loudly.

GRANT SELECT ON _sqlx_migrations TO switchboard_app;

CREATE TABLE accounts (
    id         uuid        PRIMARY KEY,
    name       text        NOT NULL,
    created_at timestamptz NOT NULL
);

CREATE TABLE users (
    account_id    uuid        NOT NULL REFERENCES accounts,
    id            uuid        NOT NULL UNIQUE,
    -- Over all accounts, because signing in begins with nothing else. Absent, like the password,
    -- for users of an outside issuer.
    email         text        UNIQUE CHECK (email = lower(email)),
    name          text        NOT NULL,
    role          text        NOT NULL CHECK (role IN ('ADMIN', 'USER', 'AGENT_USER')),
    password_hash text,
    created_at    timestamptz NOT NULL,
    PRIMARY KEY (account_id, id)
);

CREATE TABLE sessions (
    account_id uuid        NOT NULL REFERENCES accounts,
    id         uuid        NOT NULL,
    user_id    uuid        NOT NULL,
    created_at timestamptz NOT NULL,
    revoked_at timestamptz,
    PRIMARY KEY (account_id, id),
    FOREIGN KEY (account_id, user_id) REFERENCES users
);

CREATE INDEX sessions_of_user ON sessions (account_id, user_id);

CREATE TABLE refresh_tokens (
    account_id uuid        NOT NULL REFERENCES accounts,
    -- SHA-256: the token itself is 256 random bits, so nothing slower is needed.
    hash       bytea       NOT NULL UNIQUE,
    session_id uuid        NOT NULL,
    expires_at timestamptz NOT NULL,
    used_at    timestamptz,
    PRIMARY KEY (account_id, hash),
    FOREIGN KEY (account_id, session_id) REFERENCES sessions
);

CREATE INDEX refresh_tokens_of_session ON refresh_tokens (account_id, session_id);

ALTER TABLE accounts ENABLE ROW LEVEL SECURITY;
ALTER TABLE accounts FORCE ROW LEVEL SECURITY;
CREATE POLICY one_account ON accounts TO switchboard_app
    USING      (id = current_setting('app.account_id')::uuid)
    WITH CHECK (id = current_setting('app.account_id')::uuid);

DO $$
DECLARE tenant_table text;
BEGIN
    FOREACH tenant_table IN ARRAY ARRAY['users', 'sessions', 'refresh_tokens'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', tenant_table);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', tenant_table);
        EXECUTE format('CREATE POLICY one_account ON %I TO switchboard_app
            USING      (account_id = current_setting(''app.account_id'')::uuid)
            WITH CHECK (account_id = current_setting(''app.account_id'')::uuid)', tenant_table);
    END LOOP;
END $$;

GRANT SELECT, INSERT, UPDATE ON accounts, users, sessions, refresh_tokens TO switchboard_app;

-- Signing in: whose e-mail, whose refresh token?
GRANT SELECT (id, account_id, email, name, role, password_hash) ON users TO switchboard_system;
CREATE POLICY sign_in ON users FOR SELECT TO switchboard_system USING (true);
GRANT SELECT (hash, account_id) ON refresh_tokens TO switchboard_system;
CREATE POLICY sign_in ON refresh_tokens FOR SELECT TO switchboard_system USING (true);
