-- An e-mail address names a user within an account. Who has it elsewhere neither stands in the way nor shows:
-- signing in looks at all of them, and the password decides.
ALTER TABLE users DROP CONSTRAINT users_email_key;
ALTER TABLE users ADD CONSTRAINT users_email_in_account UNIQUE (account_id, email);
CREATE INDEX users_by_email ON users (email) WHERE email IS NOT NULL;

-- Signing in asks neither for names nor for roles: the transaction of the account does.
REVOKE SELECT (name, role) ON users FROM switchboard_system;
