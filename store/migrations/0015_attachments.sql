-- The files that came with a message, as the normalised message names them.
ALTER TABLE messages
    ADD COLUMN attachments jsonb NOT NULL GENERATED ALWAYS AS (coalesce(metadata -> 'attachments', '[]')) STORED;

-- Followers get what agents see, not everything that the channel said.
SELECT feed('messages', 'conversations.read', '{metadata}');
