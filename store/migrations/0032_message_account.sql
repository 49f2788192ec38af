-- Whose a message is follows from its room, which refers to the account: looking that up once more, and locking the
-- account's row, for each message that is stored told nothing.
ALTER TABLE room_messages DROP CONSTRAINT room_messages_account_id_fkey;
