-- Many contacts at once.

-- What contacts are recognised by. Columns of their own: Row-Level Security lets an index be used only for
-- comparisons that can leak nothing, and those of functions can.
ALTER TABLE contacts
    ADD COLUMN email_key text GENERATED ALWAYS AS (lower(email)) STORED,
    ADD COLUMN phone_key text GENERATED ALWAYS AS (regexp_replace(phone, '[^0-9]', '', 'g')) STORED;
CREATE INDEX contacts_by_email ON contacts (account_id, email_key)
    WHERE email_key IS NOT NULL AND merged_into IS NULL;
CREATE INDEX contacts_by_phone ON contacts (account_id, phone_key)
    WHERE phone_key IS NOT NULL AND merged_into IS NULL;
SELECT feed('contacts', 'contacts.read', '{email_key, phone_key}');

CREATE TABLE imports (
    account_id  uuid        NOT NULL REFERENCES accounts,
    id          uuid        NOT NULL,
    -- The user or API key.
    created_by  uuid        NOT NULL,
    created_at  timestamptz NOT NULL,
    row_count   integer     NOT NULL,
    created     integer     NOT NULL DEFAULT 0,
    updated     integer     NOT NULL DEFAULT 0,
    failed      integer     NOT NULL DEFAULT 0,
    -- When it may next be worked on; in the future while somebody does.
    due_at      timestamptz NOT NULL,
    finished_at timestamptz,
    PRIMARY KEY (account_id, id)
);
CREATE INDEX imports_due ON imports (due_at) WHERE finished_at IS NULL;

CREATE TABLE import_rows (
    account_id uuid    NOT NULL REFERENCES accounts,
    import_id  uuid    NOT NULL,
    -- From 1, in the order of the file.
    number     integer NOT NULL,
    -- What is to be done; absent once it is.
    data       jsonb,
    outcome    text CHECK (outcome IN ('created', 'updated', 'failed')),
    contact_id uuid,
    error      text,
    PRIMARY KEY (account_id, import_id, number),
    FOREIGN KEY (account_id, import_id) REFERENCES imports ON DELETE CASCADE
);
CREATE INDEX import_rows_to_do ON import_rows (account_id, import_id, number) WHERE outcome IS NULL;

SELECT protect('imports'), protect('import_rows');
GRANT SELECT, INSERT, UPDATE, DELETE ON imports, import_rows TO switchboard_app;

GRANT SELECT (account_id, id, due_at, finished_at) ON imports TO switchboard_system;
GRANT UPDATE (due_at) ON imports TO switchboard_system;
CREATE POLICY queue ON imports TO switchboard_system USING (true) WITH CHECK (true);
