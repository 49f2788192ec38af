-- What is needed to forget: a contact with everything about it, and what an account keeps no longer.

GRANT DELETE ON contacts, contact_merges, conversations, messages, replies TO switchboard_app;
-- Events keep their numbers, which have no gaps; what they said goes.
GRANT UPDATE (event) ON outbox TO switchboard_app;
-- Webhooks keep their digest, so that one that is sent again is still known.
GRANT UPDATE (body) ON raw_events TO switchboard_app;

ALTER TABLE outbox ADD COLUMN conversation_id text GENERATED ALWAYS AS
    (coalesce(event #>> '{message,conversationId}', event #>> '{conversation,id}',
              event #>> '{note,conversationId}', event ->> 'conversationId')) STORED;
CREATE INDEX outbox_of_conversation ON outbox (account_id, conversation_id);
CREATE INDEX replies_of_conversation ON replies (account_id, conversation_id);
GRANT DELETE ON refresh_tokens TO switchboard_app;
CREATE INDEX refresh_tokens_by_age ON refresh_tokens (account_id, expires_at);

-- Which accounts keep things for a time only?
GRANT SELECT (id, settings) ON accounts TO switchboard_system;
CREATE POLICY housekeeping ON accounts FOR SELECT TO switchboard_system USING (true);
