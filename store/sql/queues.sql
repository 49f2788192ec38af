-- The queues of deliveries and replies: who waits, and from when on somebody is to look. The triggers that call
-- these were made in 0018_fair_queues.sql.

-- A webhook's queue is to be looked at from `due` on, but not before its hold ends. Where that is so
-- already its row is only locked: whoever is setting it right has finished, or sees what is committed here.
CREATE OR REPLACE FUNCTION expect_deliveries(account uuid, webhook uuid, due timestamptz) RETURNS void LANGUAGE plpgsql SET enable_seqscan = off AS $$
BEGIN
    PERFORM FROM delivery_queues
        WHERE account_id = account AND webhook_id = webhook AND due_at <= greatest(due, held_until)
        FOR NO KEY UPDATE;
    IF FOUND THEN
        RETURN;
    END IF;
    INSERT INTO delivery_queues AS q (account_id, webhook_id, due_at) VALUES (account, webhook, due)
        ON CONFLICT (account_id, webhook_id)
        DO UPDATE SET due_at = least(q.due_at, greatest(excluded.due_at, q.held_until));
END $$;

-- The same for a channel's replies.
CREATE OR REPLACE FUNCTION expect_replies(account uuid, channel uuid, due timestamptz) RETURNS void LANGUAGE plpgsql SET enable_seqscan = off AS $$
BEGIN
    PERFORM FROM reply_queues WHERE account_id = account AND channel_id = channel AND due_at <= due
        FOR NO KEY UPDATE;
    IF FOUND THEN
        RETURN;
    END IF;
    INSERT INTO reply_queues AS q (account_id, channel_id, due_at) VALUES (account, channel, due)
        ON CONFLICT (account_id, channel_id) DO UPDATE SET due_at = least(q.due_at, excluded.due_at);
END $$;

-- A queue that is to be looked at earlier: so is its account. Only at the very end of the transaction, after all
-- queues that it touches: who has an account waits for no queue, so nobody waits in a circle. Whoever takes work has
-- the account anyway and sets it right by itself.
CREATE OR REPLACE FUNCTION expect_of_account() RETURNS trigger LANGUAGE plpgsql SET enable_seqscan = off AS $$
BEGIN
    IF TG_TABLE_NAME = 'delivery_queues' THEN
        INSERT INTO delivery_accounts AS a (account_id, due_at) VALUES (NEW.account_id, NEW.due_at)
            ON CONFLICT (account_id) DO UPDATE SET due_at = least(a.due_at, excluded.due_at);
    ELSE
        INSERT INTO reply_accounts AS a (account_id, due_at) VALUES (NEW.account_id, NEW.due_at)
            ON CONFLICT (account_id) DO UPDATE SET due_at = least(a.due_at, excluded.due_at);
    END IF;
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION note_delivery() RETURNS trigger LANGUAGE plpgsql SET enable_seqscan = off AS $$
BEGIN
    PERFORM expect_deliveries(NEW.account_id, NEW.webhook_id, NEW.due_at);
    RETURN NULL;
END $$;

-- Replies of a conversation are written and done under the account's inbox sequence, one after the other.
CREATE OR REPLACE FUNCTION place_reply() RETURNS trigger LANGUAGE plpgsql SET enable_seqscan = off AS $$
BEGIN
    IF NEW.channel_id IS NULL THEN
        SELECT channel_id INTO NEW.channel_id FROM conversations
            WHERE account_id = NEW.account_id AND id = NEW.conversation_id;
    END IF;
    IF NEW.done_at IS NULL AND (SELECT seq FROM replies
            WHERE account_id = NEW.account_id AND conversation_id = NEW.conversation_id AND done_at IS NULL
            ORDER BY seq LIMIT 1) IS NOT NULL THEN
        NEW.due_at := 'infinity';
    END IF;
    RETURN NEW;
END $$;

CREATE OR REPLACE FUNCTION note_reply() RETURNS trigger LANGUAGE plpgsql SET enable_seqscan = off AS $$
BEGIN
    PERFORM expect_replies(NEW.account_id, NEW.channel_id, NEW.due_at);
    RETURN NULL;
END $$;

-- The next reply of the conversation has its turn.
CREATE OR REPLACE FUNCTION pass_turn() RETURNS trigger LANGUAGE plpgsql SET enable_seqscan = off AS $$
BEGIN
    UPDATE replies SET due_at = NEW.done_at
        WHERE account_id = NEW.account_id AND message_id = (SELECT message_id FROM replies
            WHERE account_id = NEW.account_id AND conversation_id = NEW.conversation_id AND done_at IS NULL
            ORDER BY seq LIMIT 1);
    IF FOUND THEN
        PERFORM expect_replies(NEW.account_id, NEW.channel_id, NEW.done_at);
    END IF;
    RETURN NULL;
END $$;
