-- Who may do what, who did it, and programs that sign in.

-- What every tenant table needs: forced Row-Level Security and the application's one policy.
CREATE FUNCTION protect(tenant_table regclass) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', tenant_table);
    EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', tenant_table);
    EXECUTE format('CREATE POLICY one_account ON %s TO switchboard_app
        USING      (account_id = current_setting(''app.account_id'')::uuid)
        WITH CHECK (account_id = current_setting(''app.account_id'')::uuid)', tenant_table);
END $$;
REVOKE EXECUTE ON FUNCTION protect(regclass) FROM PUBLIC;

ALTER TABLE accounts
    ADD COLUMN settings jsonb NOT NULL DEFAULT '{}',
    ADD COLUMN features jsonb NOT NULL DEFAULT '{}';

-- Sets of permissions that an account has named, beside the three fixed roles.
CREATE TABLE roles (
    account_id  uuid        NOT NULL REFERENCES accounts,
    id          uuid        NOT NULL,
    name        text        NOT NULL,
    permissions text[]      NOT NULL,
    created_at  timestamptz NOT NULL,
    PRIMARY KEY (account_id, id),
    UNIQUE (account_id, name)
);

ALTER TABLE users
    -- Decides instead of `role`, if there is one.
    ADD COLUMN role_id uuid,
    -- Cannot sign in any more; what they did keeps their name.
    ADD COLUMN deactivated_at timestamptz,
    -- Wrong passwords in a row, and how long nobody may try any more.
    ADD COLUMN failed_sign_ins integer NOT NULL DEFAULT 0,
    ADD COLUMN locked_until timestamptz,
    ADD FOREIGN KEY (account_id, role_id) REFERENCES roles;
CREATE INDEX users_of_role ON users (account_id, role_id) WHERE role_id IS NOT NULL;

ALTER TABLE sessions
    ADD COLUMN last_used_at timestamptz,
    ADD COLUMN address text,
    ADD COLUMN user_agent text;
UPDATE sessions SET last_used_at = created_at;
ALTER TABLE sessions ALTER COLUMN last_used_at SET NOT NULL;

CREATE TABLE api_keys (
    account_id   uuid        NOT NULL REFERENCES accounts,
    id           uuid        NOT NULL,
    name         text        NOT NULL,
    -- SHA-256: the key itself is 256 random bits, so nothing slower is needed.
    hash         bytea       NOT NULL UNIQUE,
    -- The key's beginning, so that people can tell their keys apart.
    hint         text        NOT NULL,
    permissions  text[]      NOT NULL,
    created_by   uuid        NOT NULL,
    created_at   timestamptz NOT NULL,
    expires_at   timestamptz,
    last_used_at timestamptz,
    revoked_at   timestamptz,
    PRIMARY KEY (account_id, id)
);

-- Written in the transaction of what it tells of, and never changed.
CREATE TABLE audit_entries (
    account_id  uuid        NOT NULL REFERENCES accounts,
    id          uuid        NOT NULL,
    at          timestamptz NOT NULL,
    -- `user`, `api_key` or `system`; who, if it was somebody.
    actor_kind  text        NOT NULL,
    actor_id    uuid,
    -- From where, as the server saw it.
    address     text,
    action      text        NOT NULL,
    object_kind text        NOT NULL,
    object_id   uuid        NOT NULL,
    -- As it was and as it is, secrets left out.
    before      jsonb,
    after       jsonb,
    PRIMARY KEY (account_id, id)
);
CREATE INDEX audit_entries_of_object ON audit_entries (account_id, object_id, id DESC);
CREATE INDEX audit_entries_of_actor ON audit_entries (account_id, actor_id, id DESC);

-- Answers to requests that may be sent again.
CREATE TABLE idempotent_requests (
    account_id  uuid        NOT NULL REFERENCES accounts,
    actor_id    uuid        NOT NULL,
    key         text        NOT NULL,
    -- SHA-256 of method, path and body.
    fingerprint bytea       NOT NULL,
    status      smallint,
    -- Sealed: an answer may show a secret that is shown once.
    answer      bytea,
    created_at  timestamptz NOT NULL,
    PRIMARY KEY (account_id, actor_id, key)
);
CREATE INDEX idempotent_requests_by_age ON idempotent_requests (account_id, created_at);

-- Replies use it like all else.
ALTER TABLE messages DROP COLUMN idempotency_key;

SELECT protect('roles'), protect('api_keys'), protect('audit_entries'), protect('idempotent_requests');

GRANT SELECT, INSERT, UPDATE, DELETE ON roles, idempotent_requests TO switchboard_app;
GRANT SELECT, INSERT, UPDATE ON api_keys TO switchboard_app;
GRANT SELECT, INSERT ON audit_entries TO switchboard_app;

-- Signing in: may the user, and what may the key do?
GRANT SELECT (deactivated_at, locked_until) ON users TO switchboard_system;
GRANT SELECT (account_id, id, hash, permissions, expires_at, revoked_at, last_used_at) ON api_keys
    TO switchboard_system;
GRANT UPDATE (last_used_at) ON api_keys TO switchboard_system;
CREATE POLICY sign_in ON api_keys TO switchboard_system USING (true) WITH CHECK (true);
