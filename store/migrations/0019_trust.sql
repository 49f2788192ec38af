-- Who may do no more, told to every instance, and refresh tokens that two tabs may present at once.

-- Tokens of one sign-in in the order in which they replaced each other. Those that replaced the same one
-- are of one generation; the first that is used replaces them all.
ALTER TABLE refresh_tokens ADD COLUMN generation integer NOT NULL DEFAULT 0;

CREATE INDEX refresh_tokens_by_generation ON refresh_tokens (account_id, session_id, generation);
DROP INDEX refresh_tokens_of_session;

-- When a role came to allow less than before: tokens from before then say too much.
ALTER TABLE roles ADD COLUMN narrowed_at timestamptz;

-- What ended lately, over all accounts.
CREATE INDEX sessions_by_end ON sessions (revoked_at) WHERE revoked_at IS NOT NULL;
CREATE INDEX elevations_by_end ON elevations (ended_at) WHERE ended_at IS NOT NULL;
CREATE INDEX roles_by_narrowing ON roles (narrowed_at) WHERE narrowed_at IS NOT NULL;

GRANT SELECT (id, revoked_at) ON sessions TO switchboard_system;
CREATE POLICY ended ON sessions FOR SELECT TO switchboard_system USING (revoked_at IS NOT NULL);
GRANT SELECT (user_id, ended_at) ON elevations TO switchboard_system;
CREATE POLICY ended ON elevations FOR SELECT TO switchboard_system USING (ended_at IS NOT NULL);
GRANT SELECT (account_id, id, narrowed_at) ON roles TO switchboard_system;
CREATE POLICY narrowed ON roles FOR SELECT TO switchboard_system USING (narrowed_at IS NOT NULL);
GRANT SELECT (role_id) ON users TO switchboard_system;
