-- Replies and deliveries are taken fairly: so many at once per target, so many per account, and accounts
-- by turns. A target is a webhook or a channel. Each has a row that says when it is worth looking at, and
-- so has each account that has targets: whoever looks for work reads a few rows, however much waits.
--
-- `due_at` of a target or account is never later than the moment at which something of it may be taken;
-- 'infinity' while nothing waits. Whoever adds work makes it earlier, whoever takes work sets it right.
--
-- Statistics are mostly taken while queues are empty, and then Postgres takes any index that fits for as
-- good as any other, or reads the table. So each statement fits one index, partial or alone in giving its
-- order, and reading tables is off.

CREATE TABLE delivery_accounts (
    account_id uuid        NOT NULL PRIMARY KEY REFERENCES accounts,
    due_at     timestamptz NOT NULL
);
CREATE INDEX delivery_accounts_due ON delivery_accounts (due_at) WHERE due_at < 'infinity';

CREATE TABLE delivery_queues (
    account_id    uuid        NOT NULL REFERENCES accounts,
    webhook_id    uuid        NOT NULL,
    due_at        timestamptz NOT NULL,
    -- Attempts that failed in a row, since when, and until when nothing is to be tried.
    failures      integer     NOT NULL DEFAULT 0,
    failing_since timestamptz,
    held_until    timestamptz NOT NULL DEFAULT '-infinity',
    PRIMARY KEY (account_id, webhook_id),
    FOREIGN KEY (account_id, webhook_id) REFERENCES webhooks ON DELETE CASCADE
);
CREATE INDEX delivery_queues_due ON delivery_queues (account_id, due_at) WHERE due_at < 'infinity';

CREATE TABLE reply_accounts (
    account_id uuid        NOT NULL PRIMARY KEY REFERENCES accounts,
    due_at     timestamptz NOT NULL
);
CREATE INDEX reply_accounts_due ON reply_accounts (due_at) WHERE due_at < 'infinity';

CREATE TABLE reply_queues (
    account_id uuid        NOT NULL REFERENCES accounts,
    channel_id uuid        NOT NULL,
    due_at     timestamptz NOT NULL,
    PRIMARY KEY (account_id, channel_id),
    FOREIGN KEY (account_id, channel_id) REFERENCES channels ON DELETE CASCADE
);
CREATE INDEX reply_queues_due ON reply_queues (account_id, due_at) WHERE due_at < 'infinity';

-- What waits already is of all accounts, and Row-Level Security binds the tables' owner too: to them the
-- tables would look empty.
ALTER TABLE conversations NO FORCE ROW LEVEL SECURITY;
ALTER TABLE replies NO FORCE ROW LEVEL SECURITY;
ALTER TABLE webhook_deliveries NO FORCE ROW LEVEL SECURITY;

-- The indexes of what waits and what is taken keep each entry by itself: entries of what is done are passed
-- over for good once they have been met, which those that share a place with others are not.

ALTER TABLE webhook_deliveries
    -- Until when a sender has it: it is in flight. Meanwhile it is due at the end of that lease.
    ADD COLUMN taken_until timestamptz,
    -- Since when it is wanted: when it happened, or when somebody last wanted it made again.
    ADD COLUMN wanted_at timestamptz NOT NULL DEFAULT now(),
    -- How many of the attempts were before that.
    ADD COLUMN forgiven integer NOT NULL DEFAULT 0;
DROP INDEX webhook_deliveries_waiting;
CREATE INDEX webhook_deliveries_waiting ON webhook_deliveries (account_id, webhook_id, due_at, seq)
    WITH (deduplicate_items = off) WHERE done_at IS NULL;
CREATE INDEX webhook_deliveries_taken ON webhook_deliveries (account_id, webhook_id, taken_until)
    WITH (deduplicate_items = off) WHERE taken_until IS NOT NULL;

-- A reply that is not the oldest of its conversation that is not done is due at 'infinity': it has its
-- turn when that one is done.
ALTER TABLE replies
    ADD COLUMN taken_until timestamptz,
    ADD COLUMN channel_id uuid;
UPDATE replies SET channel_id = conversations.channel_id FROM conversations
    WHERE conversations.account_id = replies.account_id AND conversations.id = replies.conversation_id;
ALTER TABLE replies ALTER COLUMN channel_id SET NOT NULL;
UPDATE replies SET due_at = 'infinity'
    WHERE done_at IS NULL AND EXISTS (SELECT FROM replies earlier
        WHERE earlier.account_id = replies.account_id AND earlier.conversation_id = replies.conversation_id
          AND earlier.done_at IS NULL AND earlier.seq < replies.seq);
DROP INDEX replies_waiting;
CREATE INDEX replies_waiting ON replies (account_id, channel_id, due_at)
    WITH (deduplicate_items = off) WHERE done_at IS NULL AND due_at < 'infinity';
CREATE INDEX replies_taken ON replies (account_id, channel_id, taken_until)
    WITH (deduplicate_items = off) WHERE taken_until IS NOT NULL;

INSERT INTO delivery_queues (account_id, webhook_id, due_at)
    SELECT account_id, webhook_id, min(due_at) FROM webhook_deliveries WHERE done_at IS NULL
    GROUP BY account_id, webhook_id;
INSERT INTO delivery_accounts SELECT account_id, min(due_at) FROM delivery_queues GROUP BY account_id;
INSERT INTO reply_queues (account_id, channel_id, due_at)
    SELECT account_id, channel_id, min(due_at) FROM replies WHERE done_at IS NULL GROUP BY account_id, channel_id;
INSERT INTO reply_accounts SELECT account_id, min(due_at) FROM reply_queues GROUP BY account_id;
ALTER TABLE conversations FORCE ROW LEVEL SECURITY;
ALTER TABLE replies FORCE ROW LEVEL SECURITY;
ALTER TABLE webhook_deliveries FORCE ROW LEVEL SECURITY;

-- A webhook's queue is to be looked at from `due` on, but not before its hold ends. Where that is so
-- already its row is only locked: whoever is setting it right has finished, or sees what is committed here.
CREATE FUNCTION expect_deliveries(account uuid, webhook uuid, due timestamptz) RETURNS void LANGUAGE plpgsql SET enable_seqscan = off AS $$
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
CREATE FUNCTION expect_replies(account uuid, channel uuid, due timestamptz) RETURNS void LANGUAGE plpgsql SET enable_seqscan = off AS $$
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
CREATE FUNCTION expect_of_account() RETURNS trigger LANGUAGE plpgsql SET enable_seqscan = off AS $$
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
DO $$
DECLARE queue_table text;
BEGIN
    FOREACH queue_table IN ARRAY ARRAY['delivery_queues', 'reply_queues'] LOOP
        EXECUTE format('CREATE CONSTRAINT TRIGGER expect_new AFTER INSERT ON %I
            DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION expect_of_account()', queue_table);
        EXECUTE format('CREATE CONSTRAINT TRIGGER expect_earlier AFTER UPDATE OF due_at ON %I
            DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
            WHEN (NEW.due_at < OLD.due_at AND pg_has_role(''switchboard_app'', ''usage''))
            EXECUTE FUNCTION expect_of_account()', queue_table);
    END LOOP;
END $$;

CREATE FUNCTION note_delivery() RETURNS trigger LANGUAGE plpgsql SET enable_seqscan = off AS $$
BEGIN
    PERFORM expect_deliveries(NEW.account_id, NEW.webhook_id, NEW.due_at);
    RETURN NULL;
END $$;

-- At the end of the transaction, so that no queue is held while a batch of messages is being stored.
CREATE CONSTRAINT TRIGGER note_delivery AFTER INSERT ON webhook_deliveries
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.done_at IS NULL) EXECUTE FUNCTION note_delivery();

-- Replies of a conversation are written and done under the account's inbox stream, one after the other.
CREATE FUNCTION place_reply() RETURNS trigger LANGUAGE plpgsql SET enable_seqscan = off AS $$
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
CREATE TRIGGER place_reply BEFORE INSERT ON replies FOR EACH ROW EXECUTE FUNCTION place_reply();

CREATE FUNCTION note_reply() RETURNS trigger LANGUAGE plpgsql SET enable_seqscan = off AS $$
BEGIN
    PERFORM expect_replies(NEW.account_id, NEW.channel_id, NEW.due_at);
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER note_reply AFTER INSERT ON replies
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (NEW.done_at IS NULL AND NEW.due_at < 'infinity') EXECUTE FUNCTION note_reply();

-- The next reply of the conversation has its turn.
CREATE FUNCTION pass_turn() RETURNS trigger LANGUAGE plpgsql SET enable_seqscan = off AS $$
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
CREATE CONSTRAINT TRIGGER pass_turn AFTER UPDATE OF done_at ON replies
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (OLD.done_at IS NULL AND NEW.done_at IS NOT NULL) EXECUTE FUNCTION pass_turn();

SELECT protect('delivery_accounts'), protect('delivery_queues'), protect('reply_accounts'), protect('reply_queues');
GRANT SELECT, INSERT, UPDATE ON delivery_accounts, delivery_queues, reply_accounts, reply_queues TO switchboard_app;

-- Looking for work, on whosever behalf.
DO $$
DECLARE queue_table text;
BEGIN
    FOREACH queue_table IN ARRAY ARRAY['delivery_accounts', 'delivery_queues', 'reply_accounts', 'reply_queues'] LOOP
        EXECUTE format('GRANT SELECT ON %I TO switchboard_system', queue_table);
        EXECUTE format('GRANT UPDATE (due_at) ON %I TO switchboard_system', queue_table);
        EXECUTE format('CREATE POLICY queue ON %I TO switchboard_system USING (true) WITH CHECK (true)', queue_table);
    END LOOP;
END $$;
GRANT UPDATE (taken_until) ON webhook_deliveries, replies TO switchboard_system;

-- A number belongs to whoever can prove it at the provider, which is not asked when a channel is made. So
-- another account's number is no reason to refuse one: webhooks come in by the channel's id, under its own
-- app's signature, and what they say is looked up within the account.
ALTER TABLE channels DROP CONSTRAINT channels_kind_external_id_key;
ALTER TABLE channels ADD UNIQUE (account_id, kind, external_id);
