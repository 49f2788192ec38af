-- One account with 100,000 contacts, a million messages in the long form of the test, and a backlog in every queue: set-based, indexes last.
--
-- Number 77777 is the one that statements are asked about. A few rows of each table that is pruned are older
-- than a year.
SET maintenance_work_mem = '512MB';
SET work_mem = '256MB';
-- `words` takes 20 µs a text; for these texts the same words are had without it.
CREATE TEMP TABLE real_words AS SELECT pg_get_functiondef('words(uuid, text)'::regprocedure) AS definition;
CREATE OR REPLACE FUNCTION words(account uuid, said text) RETURNS tsvector LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT array_to_tsvector(string_to_array(left(md5(account::text), 8)
        || replace(said, ' ', ' ' || left(md5(account::text), 8)), ' '))
$$;
CREATE TEMP TABLE paused AS
    SELECT indexrelid AS index, indrelid AS source FROM pg_index
    WHERE indrelid = ANY ('{messages,contacts,contact_identities,conversations,outbox,raw_events,webhook_deliveries,
        replies,audit_entries,changes,room_messages,import_rows,conversation_labels}'::regclass[]) AND indisready;
UPDATE pg_index SET indisready = false, indisvalid = false WHERE indexrelid IN (SELECT index FROM paused);

CREATE TEMP TABLE large AS
    SELECT id AS account, (SELECT id FROM channels WHERE account_id = a.id) AS channel,
           (SELECT id FROM webhooks WHERE account_id = a.id AND subject = 'inbox') AS webhook
    FROM accounts a WHERE name = 'a';
INSERT INTO users (account_id, id, email, name, role, password_hash, created_at)
    SELECT account, pg_temp.u('user', 1000000 + n), 'l' || n, 'n', 'USER', 'x', now()
    FROM large, generate_series(1, 1000) n;
INSERT INTO sign_ins (account_id, id, user_id, created_at, last_used_at)
    SELECT account, pg_temp.u('sign_in', n), pg_temp.u('user', 1000001 + n % 1000), now(), now()
    FROM large, generate_series(0, 9999) n;
INSERT INTO refresh_tokens (account_id, hash, sign_in_id, expires_at)
    SELECT account, sha256(n::text::bytea), pg_temp.u('sign_in', n),
           now() + CASE WHEN n < 20 THEN '-400 days'::interval ELSE '1 day' END
    FROM large, generate_series(0, 9999) n;
INSERT INTO teams (account_id, id, name, created_at)
    SELECT account, pg_temp.u('team', n), 'team ' || n, now() FROM large, generate_series(0, 49) n;
INSERT INTO team_members (account_id, team_id, user_id)
    SELECT account, pg_temp.u('team', n % 50), pg_temp.u('user', 1000001 + n) FROM large, generate_series(0, 999) n;
INSERT INTO contacts (account_id, id, name, email, phone, merged_into, created_at)
    SELECT account, pg_temp.u('contact', n), 'name' || n || ' family' || lpad((n % 1000)::text, 4, '0'),
           'c' || n || '@x.example', '49' || n,
           CASE WHEN n BETWEEN 99001 AND 99999 THEN pg_temp.u('contact', n - 99000 + 77000) END, now()
    FROM large, generate_series(0, 100000) n;
INSERT INTO contact_merges (account_id, id, winner_id, loser_id, moved, created_at)
    SELECT account, pg_temp.u('merge', n), pg_temp.u('contact', n - 99000 + 77000), pg_temp.u('contact', n), '{}', now()
    FROM large, generate_series(99001, 99999) n;
INSERT INTO contact_identities (account_id, channel_id, scheme, value, contact_id)
    SELECT account, channel, 'phone', n::text, pg_temp.u('contact', n) FROM large, generate_series(0, 99999) n;
INSERT INTO conversations (account_id, id, channel_id, contact_id, status, snoozed_until, priority, assignee_id, team_id,
                           last_message_at, last_seq, created_at)
    SELECT account, pg_temp.u('conversation', n), channel, pg_temp.u('contact', n), status,
           CASE status WHEN 'snoozed' THEN now() + n * '1 second'::interval - '100 seconds'::interval END,
           CASE n % 100 WHEN 77 THEN 'urgent' ELSE 'none' END,
           CASE n % 2 WHEN 1 THEN pg_temp.u('user', 1000001 + n % 10) END,
           CASE n % 4 WHEN 1 THEN pg_temp.u('team', n % 10) END,
           now() - n * '1 second'::interval - CASE WHEN n < 20 THEN '400 days'::interval ELSE '0' END, 10, now()
    FROM large, generate_series(0, 99999) n,
         LATERAL (SELECT CASE WHEN n % 100 = 78 THEN 'snoozed' WHEN n % 10 = 7 THEN 'open' ELSE 'resolved' END) s (status);
-- The one's other conversation: on another channel.
INSERT INTO conversations (account_id, id, channel_id, contact_id, status, priority, last_message_at, last_seq, created_at)
    SELECT account, pg_temp.u('conversation', 200000), 'ffffffff-0000-7000-8000-000000000001', pg_temp.u('contact', 77777),
           'open', 'urgent', now(), 0, now()
    FROM large;
INSERT INTO messages (account_id, id, conversation_id, seq, channel_id, direction, kind, text, external_id, status, created_at)
    SELECT account, pg_temp.u('message', c * 10 + n), conversation, n + 1, channel,
           CASE n WHEN 9 THEN 'outbound' ELSE 'inbound' END, 'text',
           'word' || lpad(((c * 10 + n) % 5000)::text, 4, '0') || ' often' || n, 'large.' || c * 10 + n, 'delivered', now()
    FROM large, LATERAL (SELECT c, pg_temp.u('conversation', c) FROM generate_series(0, 99999) c) k (c, conversation),
         generate_series(/* messages from */ 0, 9) n;
INSERT INTO replies (account_id, message_id, conversation_id, seq, channel_id, due_at, done_at)
    SELECT account, pg_temp.u('message', n * 10 + 9), pg_temp.u('conversation', n), 10, channel, now() - n * '1 millisecond'::interval,
           CASE WHEN n < 70000 THEN now() END
    FROM large, generate_series(50000, 99999) n;
INSERT INTO pending_statuses (account_id, channel_id, external_id, status, happened_at)
    SELECT account, channel, 'early.' || n, 'read', now() FROM large, generate_series(0, 9999) n;
INSERT INTO notes (account_id, id, conversation_id, author_id, text, created_at, updated_at)
    SELECT account, pg_temp.u('note', n), pg_temp.u('conversation', 70000 + n % 10000), pg_temp.u('user', 1000001), 'n', now(), now()
    FROM large, generate_series(0, 19999) n;
INSERT INTO labels (account_id, id, name, color, created_at)
    SELECT account, pg_temp.u('label', n), 'l' || n, '#000000', now() FROM large, generate_series(0, 99) n;
INSERT INTO conversation_labels (account_id, conversation_id, label_id)
    SELECT account, pg_temp.u('conversation', n), pg_temp.u('label', n % 10) FROM large, generate_series(50000, 99999) n;
-- What waits: 40,000 webhooks of this account and 10,000 of the others.
INSERT INTO raw_events (account_id, id, channel_id, body, sha256, received_at, due_at, processed_at)
    SELECT account, pg_temp.u('raw', n), channel, CASE WHEN n % 2 = 1 OR n < 20 THEN ('{"from":"' || n + 50000 || '"}')::bytea ELSE '' END,
           sha256(('l' || n)::bytea), now() - n * '1 millisecond'::interval, now() - n * '1 millisecond'::interval,
           CASE WHEN n < 50000 THEN now() - CASE WHEN n < 20 THEN '400 days'::interval ELSE '1 day' END END
    FROM large, generate_series(0, 89999) n;
INSERT INTO raw_events (account_id, id, channel_id, body, sha256, received_at, due_at)
    SELECT pg_temp.u('account', a), pg_temp.u('raw', 1000000 + a * 100 + n), pg_temp.u('channel', a), '{}',
           sha256(('w' || n)::bytea), now(), now()
    FROM generate_series(1, 100) a, generate_series(0, 99) n;
UPDATE inbox_sequences SET last_seq = 130000 FROM large WHERE account_id = account;
INSERT INTO outbox (account_id, seq, event, created_at, published_at)
    SELECT account, n,
           jsonb_build_object('conversationId', pg_temp.u('conversation', n), 'conversation', jsonb_build_object(
               'contact', jsonb_build_object('id', pg_temp.u('contact', n), 'name', 'Somebody'))),
           now(), CASE WHEN n < 80000 THEN now() END
    FROM large, generate_series(10000, 129999) n;
INSERT INTO outbox (account_id, seq, event, created_at)
    SELECT pg_temp.u('account', a), 2000 + n, '{}', now() FROM generate_series(1, 100) a, generate_series(0, 9) n;
INSERT INTO webhook_deliveries (account_id, webhook_id, seq, due_at, done_at, attempts)
    SELECT account, webhook, n, now() - n * '1 millisecond'::interval, CASE WHEN n < 70000 THEN now() END, 1
    FROM large, generate_series(20000, 119999) n;
INSERT INTO delivery_queues (account_id, webhook_id, due_at)
    SELECT account_id, webhook_id, min(due_at) FROM webhook_deliveries WHERE done_at IS NULL GROUP BY account_id, webhook_id
    ON CONFLICT DO NOTHING;
INSERT INTO delivery_accounts SELECT account_id, min(due_at) FROM delivery_queues GROUP BY account_id
    ON CONFLICT DO NOTHING;
INSERT INTO reply_queues (account_id, channel_id, due_at)
    SELECT account_id, channel_id, min(due_at) FROM replies WHERE done_at IS NULL GROUP BY account_id, channel_id
    ON CONFLICT DO NOTHING;
INSERT INTO reply_accounts SELECT account_id, min(due_at) FROM reply_queues GROUP BY account_id
    ON CONFLICT DO NOTHING;
INSERT INTO roles (account_id, id, name, permissions, created_at)
    SELECT account, pg_temp.u('role', n), 'role ' || n, '{}', now() FROM large, generate_series(0, 7) n;
INSERT INTO canned_responses (account_id, id, shortcode, text, created_at)
    SELECT account, pg_temp.u('canned', n), 'code ' || n, 'n', now() FROM large, generate_series(0, 999) n;
INSERT INTO api_keys (account_id, id, name, hash, hint, permissions, created_by, created_at)
    SELECT account, pg_temp.u('key', n), 'n', sha256(('key' || n)::bytea), 'h', '{}', gen_random_uuid(), now()
    FROM large, generate_series(0, 999) n;
INSERT INTO invitations (account_id, id, email, role, hash, invited_by, created_at, expires_at)
    SELECT account, pg_temp.u('invitation', n), 'e', 'USER', sha256(('invitation' || n)::bytea), gen_random_uuid(), now(),
           now() + '1 day'
    FROM large, generate_series(0, 999) n;
INSERT INTO channels (account_id, id, kind, name, external_id, access_token, app_secret, verify_token, created_at)
    SELECT account, ('ffffffff-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid, 'whatsapp', 'n', 'l' || n, '', '', '', now()
    FROM large, generate_series(1, 8) n;
INSERT INTO webhooks (account_id, id, kind, url, header, secret, created_at)
    SELECT account, ('ffffffff-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid, 'standard', 'u', 'h', '', now()
    FROM large, generate_series(1, 8) n;
UPDATE users SET failed_sign_ins = 1 WHERE id = pg_temp.u('user', 1000778);
INSERT INTO elevations (account_id, id, user_id, role_name, permissions, reason, minutes, requested_at, decided_by, decided_at,
                        expires_at)
    SELECT account, pg_temp.u('elevation', n), pg_temp.u('user', 1000778), 'n', '{}', 'n', 5, now(), pg_temp.u('user', 1000001),
           now(), now() + '1 hour'
    FROM large, generate_series(0, 19) n;
-- What has ended or become less lately, and a webhook that fails.
UPDATE users SET role_id = pg_temp.u('role', 3) WHERE id = pg_temp.u('user', 1000778);
UPDATE roles SET narrowed_at = now() WHERE id = pg_temp.u('role', 3);
UPDATE sign_ins SET revoked_at = now() WHERE id = ANY (ARRAY(SELECT pg_temp.u('sign_in', n) FROM generate_series(0, 19) n));
UPDATE elevations SET ended_at = now() WHERE id = pg_temp.u('elevation', 3);
UPDATE delivery_queues SET failures = 1, failing_since = now() WHERE webhook_id = (SELECT webhook FROM large);
INSERT INTO rooms (account_id, id, name, is_private, created_at)
    SELECT account, pg_temp.u('room', n), 'n', n % 100 <> 0, now() FROM large, generate_series(0, 9999) n;
INSERT INTO rooms (account_id, id, name, is_private, direct_low, direct_high, created_at)
    SELECT account, pg_temp.u('direct room', n), 'n', true, least(pg_temp.u('user', 1000001), pg_temp.u('user', 1000002 + n)),
           greatest(pg_temp.u('user', 1000001), pg_temp.u('user', 1000002 + n)), now()
    FROM large, generate_series(0, 999) n;
INSERT INTO rooms (account_id, id, name, is_private, join_name, created_at)
    SELECT account, pg_temp.u('named room', n), 'n', false, 'name ' || n, now() FROM large, generate_series(0, 9999) n;
INSERT INTO room_messages (account_id, room_id, seq, id, user_id, user_name, client_id, text, created_at)
    -- One room has half of them.
    SELECT account, pg_temp.u('room', CASE n % 2 WHEN 0 THEN 777 ELSE n % 1000 END),
           CASE n % 2 WHEN 0 THEN 1001 + n ELSE 1 + n / 1000 END, pg_temp.u('said', n),
           pg_temp.u('user', 1000001 + n % 1000), 'n', pg_temp.u('client', n), 't', now()
    FROM large, generate_series(0, 99999) n;
INSERT INTO room_attachments (account_id, id, room_id, user_id, file_name, mime_type, size_bytes, sha256, created_at,
                              is_stored, message_seq, remove_at)
    -- Few are in no message, and of those hardly any are due.
    SELECT account, pg_temp.u('file', n), pg_temp.u('room', CASE n % 2 WHEN 0 THEN 777 ELSE n % 1000 END),
           pg_temp.u('user', 1000001 + n % 1000), 'n', 'image/png', 1, sha256('n'), now(), true,
           CASE WHEN n >= 200 THEN n END, CASE WHEN n < 200 THEN now() + (n - 5) * '1 minute'::interval END
    FROM large, generate_series(0, 19999) n;
UPDATE room_attachments SET is_removed = true WHERE id = pg_temp.u('file', 150);
INSERT INTO recordings (account_id, id, room_id, node_id, started_by, started_at, ended_at, status, size_bytes, manifest,
                        is_removed, remove_at, removed_at, is_collected)
    -- Hardly any goes on, and of those that are removed hardly any is due.
    SELECT account, pg_temp.u('recording', n), pg_temp.u('room', CASE n % 2 WHEN 0 THEN n % 1000 ELSE 777 END),
           pg_temp.u('node', n % 10), pg_temp.u('user', 1000001 + n % 1000),
           now() - CASE WHEN n BETWEEN 20 AND 39 THEN '400 days' ELSE n * '1 minute'::interval END,
           CASE WHEN n >= 20 THEN now() END, CASE WHEN n >= 20 THEN 'ended' ELSE 'recording' END,
           CASE WHEN n >= 20 THEN 1 END, CASE WHEN n >= 20 THEN '{}'::jsonb END, n BETWEEN 20 AND 200,
           CASE WHEN n BETWEEN 40 AND 200 THEN now() + (n - 45) * '1 minute'::interval END,
           CASE WHEN n BETWEEN 20 AND 29 THEN now() - '400 days'::interval END, n >= 40
    FROM large, generate_series(0, 19999) n;
INSERT INTO room_event_sequences (account_id, last_seq) SELECT account, 20000 FROM large
    ON CONFLICT (account_id) DO UPDATE SET last_seq = excluded.last_seq;
INSERT INTO room_events (account_id, seq, event, created_at)
    -- Hardly any is old.
    SELECT account, n, '{"type": "roomEnded"}', now() - CASE WHEN n < 110 THEN '400 days' ELSE (20000 - n) * '1 minute'::interval END
    FROM large, generate_series(100, 19999) n;
INSERT INTO told_sessions (account_id, room_id, node_id, node_since, started_at, participants, is_confirmed)
    SELECT account, pg_temp.u('room', n), pg_temp.u('node', n % 10), now() - (n - 10) * '1 minute'::interval, now(), '{}', true
    FROM large, generate_series(0, 999) n ON CONFLICT DO NOTHING;
INSERT INTO room_changes (account_id, room_id, seq, message_seq)
    SELECT account, pg_temp.u('room', CASE n % 2 WHEN 0 THEN 777 ELSE n % 1000 END),
           CASE n % 2 WHEN 0 THEN 1002 + n ELSE 1000000 + n END, CASE n % 2 WHEN 0 THEN 1001 + n ELSE 1 END
    FROM large, generate_series(0, 49999) n;
INSERT INTO room_reactions (account_id, room_id, message_seq, emoji, user_id)
    SELECT account, pg_temp.u('room', 777), CASE WHEN n < 100 THEN 78 ELSE 1001 + 2 * (n / 4) END,
           'emoji ' || n % 4, pg_temp.u('user', 1000001 + n % 1000)
    FROM large, generate_series(0, 19999) n;
INSERT INTO room_reads (account_id, room_id, user_id, seq)
    SELECT account, pg_temp.u('room', n % 10000), pg_temp.u('user', 1000001 + n / 100), 50
    FROM large, generate_series(0, 19999) n;
INSERT INTO unread_mentions (account_id, room_id, user_id, seq)
    SELECT account, pg_temp.u('room', 777), pg_temp.u('user', 1000001 + n % 1000), 1 + n / 1000
    FROM large, generate_series(0, 49999) n;
INSERT INTO unread_mentions (account_id, room_id, user_id, seq)
    SELECT account, pg_temp.u('room', 777), pg_temp.u('user', 1000501), 100 + n FROM large, generate_series(0, 49999) n;
INSERT INTO push_subscriptions (account_id, id, user_id, endpoint_sha256, service, sealed, created_at)
    SELECT account, pg_temp.u('push', n), pg_temp.u('user', 1000001 + n % 1000), sha256(('push' || n)::bytea), 's', '', now()
    FROM large, generate_series(0, 19999) n;
INSERT INTO notifications (account_id, user_id, topic, target_id, kind, from_id, from_name, room_id, message_seq, call_id,
                           created_at, due_at, expires_at, done_at, version)
    SELECT account, pg_temp.u('user', 1000001 + n % 1000),
           CASE WHEN n % 2 = 1 AND n > 0 THEN pg_temp.u('call', 17777) ELSE pg_temp.u('room', 777) END, pg_temp.u('push', n),
           CASE WHEN n % 2 = 1 THEN 'callIncoming' ELSE 'mention' END, pg_temp.u('user', 1000001), 'n', pg_temp.u('room', 700),
           NULL, NULL, now(), now() - n * '1 millisecond'::interval,
           now() + CASE WHEN n < 20 THEN '-400 days'::interval ELSE '1 day' END, CASE WHEN n BETWEEN 100 AND 5000 THEN now() END, 0
    FROM large, generate_series(0, 19999) n;
-- One of them has more than are kept, as before there was a bound.
INSERT INTO mailboxes (account_id, user_id, last_seq)
    SELECT account, pg_temp.u('user', 1000001 + n), CASE n WHEN 7 THEN 100000 ELSE 10 END
    FROM large, generate_series(0, 999) n;
INSERT INTO mailbox_entries (account_id, user_id, seq, kind, from_id, from_name, room_id, message_seq, created_at)
    SELECT account, pg_temp.u('user', 1000001 + owner), seq, 'mention', pg_temp.u('user', 1000001), 'n',
           pg_temp.u('room', 777), 1 + seq % 50,
           now() - CASE WHEN owner <> 7 AND seq = 1 AND owner < 20 THEN '400 days'::interval ELSE '0' END
    FROM large, LATERAL (SELECT 7 AS owner, n AS seq FROM generate_series(1, 100000) n UNION ALL
        SELECT o, n FROM generate_series(0, 999) o, generate_series(1, 10) n WHERE o <> 7) AS entry;
INSERT INTO join_links (account_id, id, room_id, rights, hash, created_by, created_at, expires_at, uses_max)
    -- One room has half of them.
    SELECT account, pg_temp.u('join link', n), pg_temp.u('room', CASE n % 2 WHEN 0 THEN n % 10000 ELSE 777 END), '{media.send}',
           sha256(('join link' || n)::bytea), pg_temp.u('user', 1000001), now(),
           now() + CASE WHEN n < 20 THEN '-400 days'::interval ELSE '1 day' END, 100
    FROM large, generate_series(0, 19999) n;
INSERT INTO room_members (account_id, room_id, user_id, created_at)
    SELECT account, pg_temp.u('room', n % 10000), pg_temp.u('user', 1000001 + n / 100), now()
    FROM large, generate_series(0, 19999) n;
INSERT INTO room_removals (account_id, room_id, user_id, removed_at)
    SELECT account, pg_temp.u('room', n % 10000), pg_temp.u('user', 1000001 + n / 100),
           now() - CASE WHEN n < 20 THEN '400 days'::interval ELSE '0' END
    FROM large, generate_series(0, 19999) n;
INSERT INTO room_mutes (account_id, room_id, user_id, until, created_at)
    SELECT account, pg_temp.u('room', n % 10000), pg_temp.u('user', 1000001 + n / 100),
           CASE n % 2 WHEN 0 THEN now() + '1 day'::interval END, now()
    FROM large, generate_series(0, 19999) n;
INSERT INTO room_reviews (account_id, room_id, xact, at)
    SELECT account, pg_temp.u('room', n % 10000), (1000000000 + n)::text::xid8, now() - make_interval(mins => n * 10)
    FROM large, generate_series(0, 49999) n;
INSERT INTO room_bans (account_id, room_id, user_id, created_at)
    SELECT account, pg_temp.u('room', n % 10000), pg_temp.u('user', 1000001 + n / 100), now()
    FROM large, generate_series(0, 19999) n;
INSERT INTO hub_nodes (id, seen_at) SELECT pg_temp.u('node', n), now() - '1 day'::interval FROM generate_series(0, 19) n;
INSERT INTO calls (account_id, id, room_id, caller_id, callee_id, started_at, runner)
    SELECT account, pg_temp.u('call', n), pg_temp.u('room', n % 1000), pg_temp.u('user', 1000001), pg_temp.u('user', 1000002),
           now() - n * '1 second'::interval, pg_temp.u('node', n % 10)
    FROM large, generate_series(0, 19999) n;
INSERT INTO call_parties (account_id, call_id, user_id, position, invited_by, invited_at, connection_id)
    SELECT account, pg_temp.u('call', n % 20000), pg_temp.u('user', 1000001 + n / 20000), n / 20000, pg_temp.u('user', 1000001),
           now() - n * '1 second'::interval, pg_temp.u('connection', n)
    FROM large, generate_series(0, 39999) n;
INSERT INTO audit_entries (account_id, id, at, actor_kind, actor_id, action, object_kind, object_id)
    SELECT account, pg_temp.u('audit', n), now(), 'user', pg_temp.u('user', 1000001 + n % 1000), 'action ' || n % 500, 'x',
           pg_temp.u('contact', n % 25000)
    FROM large, generate_series(0, 49999) n;
INSERT INTO idempotent_requests (account_id, actor_id, key, fingerprint, answer, created_at)
    SELECT account, pg_temp.u('user', 1000001 + n % 1000), 'key ' || n, '', CASE n % 2 WHEN 1 THEN ''::bytea END,
           now() - CASE WHEN n < 20 THEN '400 days'::interval ELSE '0' END
    FROM large, generate_series(0, 19999) n;
INSERT INTO changes (account_id, seq, table_name, operation, row_id, at)
    SELECT account, 1000 + n, 'messages', 'delete', pg_temp.u('message', n * 10),
           now() - CASE WHEN n < 20 THEN '400 days'::interval ELSE '0' END
    FROM large, generate_series(0, 99999) n;
INSERT INTO imports (account_id, id, created_by, created_at, row_count, due_at, finished_at)
    SELECT account, pg_temp.u('import', n), gen_random_uuid(), now(), 30, now(),
           CASE WHEN n < 20 THEN now() - '400 days'::interval WHEN n < 1900 THEN now() END
    FROM large, generate_series(0, 1999) n;
INSERT INTO import_rows (account_id, import_id, number, outcome, data)
    SELECT account, pg_temp.u('import', 1950), n, outcome, CASE WHEN outcome IS NULL THEN '{}'::jsonb END
    FROM large, generate_series(1, 50000) n,
         LATERAL (SELECT CASE WHEN n > 40000 THEN NULL WHEN n % 400 = 7 THEN 'failed' ELSE 'created' END) o (outcome);

DO $$
DECLARE source regclass;
BEGIN
    FOR source IN SELECT DISTINCT paused.source FROM paused LOOP
        EXECUTE format('REINDEX TABLE %s', source);
    END LOOP;
    EXECUTE (SELECT definition FROM real_words);
END $$;
-- Statements are undone, and what foreign keys would refuse tells nothing of them.
DO $$
DECLARE source regclass;
BEGIN
    FOR source IN SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' LOOP
        EXECUTE format('ALTER TABLE %s DISABLE TRIGGER ALL', source);
    END LOOP;
END $$;
-- It gives a reply its channel.
ALTER TABLE replies ENABLE TRIGGER place_reply;
SET session_replication_role = origin;
