-- The agents' desk: teams, labels, canned responses, notes, and more about contacts and conversations.

-- The words of a text, each behind a mark of its account, so that what others say about the same
-- words costs an account nothing. Also cut at these signs, so that parts of an address are found.
CREATE FUNCTION words(account uuid, said text) RETURNS tsvector LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT coalesce(array_to_tsvector(array_agg(left(md5(account::text), 8) || lexeme)), '')
    FROM unnest(to_tsvector('simple', translate(said, '@._-+/:', '       ')))
$$;

-- Row-Level Security lets an index on words be used only if comparing words cannot leak them, which
-- Postgres has to be told. Only a superuser may; without, searches look through the account's rows.
DO $$ BEGIN
    ALTER FUNCTION pg_catalog.ts_match_vq(tsvector, tsquery) LEAKPROOF;
EXCEPTION WHEN insufficient_privilege THEN NULL;
END $$;

CREATE TABLE teams (
    account_id uuid        NOT NULL REFERENCES accounts,
    id         uuid        NOT NULL,
    name       text        NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (account_id, id),
    UNIQUE (account_id, name)
);

CREATE TABLE team_members (
    account_id uuid NOT NULL REFERENCES accounts,
    team_id    uuid NOT NULL,
    user_id    uuid NOT NULL,
    PRIMARY KEY (account_id, team_id, user_id),
    FOREIGN KEY (account_id, team_id) REFERENCES teams ON DELETE CASCADE,
    FOREIGN KEY (account_id, user_id) REFERENCES users
);
CREATE INDEX team_members_of_user ON team_members (account_id, user_id);

CREATE TABLE labels (
    account_id uuid        NOT NULL REFERENCES accounts,
    id         uuid        NOT NULL,
    name       text        NOT NULL,
    -- `#rrggbb`
    color      text        NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (account_id, id),
    UNIQUE (account_id, name)
);

CREATE TABLE canned_responses (
    account_id uuid        NOT NULL REFERENCES accounts,
    id         uuid        NOT NULL,
    -- What agents type to get it.
    shortcode  text        NOT NULL,
    text       text        NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (account_id, id),
    UNIQUE (account_id, shortcode)
);

ALTER TABLE contacts
    ADD COLUMN email text,
    ADD COLUMN phone text,
    ADD COLUMN attributes jsonb NOT NULL DEFAULT '{}',
    -- The contact that stands for this one: the same person.
    ADD COLUMN merged_into uuid,
    ADD COLUMN search tsvector NOT NULL GENERATED ALWAYS AS
        (words(account_id, name || ' ' || coalesce(email, '') || ' ' || coalesce(phone, ''))) STORED,
    ADD FOREIGN KEY (account_id, merged_into) REFERENCES contacts,
    ADD CHECK (merged_into <> id);
CREATE INDEX contacts_merged ON contacts (account_id, merged_into) WHERE merged_into IS NOT NULL;
CREATE INDEX contacts_standing ON contacts (account_id, id) WHERE merged_into IS NULL;
CREATE INDEX contacts_search ON contacts USING gin (search);

-- What was merged, so that it can be taken back.
CREATE TABLE contact_merges (
    account_id uuid        NOT NULL REFERENCES accounts,
    id         uuid        NOT NULL,
    winner_id  uuid        NOT NULL,
    loser_id   uuid        NOT NULL,
    -- Those that had been merged into the loser before.
    moved      uuid[]      NOT NULL,
    created_at timestamptz NOT NULL,
    undone_at  timestamptz,
    PRIMARY KEY (account_id, id),
    FOREIGN KEY (account_id, winner_id) REFERENCES contacts,
    FOREIGN KEY (account_id, loser_id) REFERENCES contacts
);
CREATE INDEX contact_merges_of_loser ON contact_merges (account_id, loser_id);
CREATE INDEX contact_merges_of_winner ON contact_merges (account_id, winner_id);

ALTER TABLE conversations
    DROP CONSTRAINT conversations_status_check,
    ADD CHECK (status IN ('open', 'pending', 'snoozed', 'resolved')),
    ADD COLUMN snoozed_until timestamptz,
    ADD CHECK ((status = 'snoozed') = (snoozed_until IS NOT NULL)),
    ADD COLUMN priority text NOT NULL DEFAULT 'none'
        CHECK (priority IN ('none', 'low', 'medium', 'high', 'urgent')),
    ADD COLUMN team_id uuid,
    ADD COLUMN attributes jsonb NOT NULL DEFAULT '{}',
    ADD FOREIGN KEY (account_id, team_id) REFERENCES teams;
CREATE INDEX conversations_latest_by_assignee
    ON conversations (account_id, assignee_id, last_message_at DESC, id DESC) WHERE assignee_id IS NOT NULL;
CREATE INDEX conversations_latest_by_team
    ON conversations (account_id, team_id, last_message_at DESC, id DESC) WHERE team_id IS NOT NULL;
CREATE INDEX conversations_of_contact
    ON conversations (account_id, contact_id, last_message_at DESC, id DESC);
CREATE INDEX conversations_snoozed ON conversations (snoozed_until) WHERE status = 'snoozed';

CREATE TABLE conversation_labels (
    account_id      uuid NOT NULL REFERENCES accounts,
    conversation_id uuid NOT NULL,
    label_id        uuid NOT NULL,
    PRIMARY KEY (account_id, conversation_id, label_id),
    FOREIGN KEY (account_id, conversation_id) REFERENCES conversations,
    FOREIGN KEY (account_id, label_id) REFERENCES labels ON DELETE CASCADE
);
CREATE INDEX conversation_labels_of_label ON conversation_labels (account_id, label_id, conversation_id);

CREATE TABLE notes (
    account_id      uuid        NOT NULL REFERENCES accounts,
    id              uuid        NOT NULL,
    conversation_id uuid        NOT NULL,
    author_id       uuid        NOT NULL,
    text            text        NOT NULL,
    created_at      timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL,
    PRIMARY KEY (account_id, id),
    FOREIGN KEY (account_id, conversation_id) REFERENCES conversations
);
CREATE INDEX notes_of_conversation ON notes (account_id, conversation_id, id DESC);

ALTER TABLE messages
    ADD COLUMN search tsvector GENERATED ALWAYS AS (words(account_id, left(text, 16384))) STORED;
CREATE INDEX messages_search ON messages USING gin (search);

SELECT protect('teams'), protect('team_members'), protect('labels'), protect('canned_responses'),
       protect('contact_merges'), protect('conversation_labels'), protect('notes');

GRANT SELECT, INSERT, UPDATE, DELETE ON teams, team_members, labels, canned_responses, conversation_labels, notes
    TO switchboard_app;
GRANT SELECT, INSERT, UPDATE ON contact_merges TO switchboard_app;
GRANT DELETE ON contact_identities TO switchboard_app;

-- Whose snoozed conversations are due?
GRANT SELECT (account_id, id, status, snoozed_until) ON conversations TO switchboard_system;
CREATE POLICY snoozed ON conversations FOR SELECT TO switchboard_system USING (status = 'snoozed');
