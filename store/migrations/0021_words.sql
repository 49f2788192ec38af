-- One word for each thing: what a user does with a password is a sign-in, here and on the wire, and names that
-- clients see are spelt alike (`cannedResponses.manage`).

ALTER TABLE sessions RENAME TO sign_ins;
ALTER TABLE refresh_tokens RENAME COLUMN session_id TO sign_in_id;
ALTER INDEX sessions_pkey RENAME TO sign_ins_pkey;
ALTER INDEX sessions_of_user RENAME TO sign_ins_of_user;
ALTER INDEX sessions_by_end RENAME TO sign_ins_by_end;

-- What is written already is of all accounts, and Row-Level Security binds the tables' owner too.
ALTER TABLE roles NO FORCE ROW LEVEL SECURITY;
ALTER TABLE api_keys NO FORCE ROW LEVEL SECURITY;
ALTER TABLE elevations NO FORCE ROW LEVEL SECURITY;
ALTER TABLE audit_entries NO FORCE ROW LEVEL SECURITY;

CREATE FUNCTION pg_temp.respelt(permissions text[]) RETURNS text[] LANGUAGE sql IMMUTABLE AS $$
    SELECT array_replace(array_replace(array_replace(permissions,
        'canned_responses.manage', 'cannedResponses.manage'),
        'keys.manage', 'apiKeys.manage'),
        'audit.read', 'auditEntries.read')
$$;
UPDATE roles SET permissions = pg_temp.respelt(permissions) WHERE permissions <> pg_temp.respelt(permissions);
UPDATE api_keys SET permissions = pg_temp.respelt(permissions) WHERE permissions <> pg_temp.respelt(permissions);
UPDATE elevations SET permissions = pg_temp.respelt(permissions) WHERE permissions <> pg_temp.respelt(permissions);

-- `room.member_added` is `room.memberAdded`, `session.ended` is `signIn.ended`.
CREATE FUNCTION pg_temp.respelt(word text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT string_agg(CASE WHEN place = 1 THEN part ELSE upper(left(part, 1)) || substr(part, 2) END, '' ORDER BY place)
    FROM string_to_table(regexp_replace(word, '^session\M', 'sign_in'), '_') WITH ORDINALITY AS parts (part, place)
$$;
UPDATE audit_entries
    SET actor_kind = pg_temp.respelt(actor_kind),
        action = pg_temp.respelt(action),
        object_kind = pg_temp.respelt(object_kind)
    WHERE actor_kind LIKE '%\_%' OR action ~ '_|^session\M' OR object_kind ~ '_|^session\M';

ALTER TABLE roles FORCE ROW LEVEL SECURITY;
ALTER TABLE api_keys FORCE ROW LEVEL SECURITY;
ALTER TABLE elevations FORCE ROW LEVEL SECURITY;
ALTER TABLE audit_entries FORCE ROW LEVEL SECURITY;
