-- A hundred small accounts with something in every table and nothing waiting: what statistics are taken of
-- before the large account and the backlog appear.
--
-- Ids are told from a kind and a number, so that every row finds those it belongs to without a join.
CREATE FUNCTION pg_temp.u(kind text, n bigint) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
    SELECT (left(md5(kind), 8) || '-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid
$$;
-- Triggers and foreign keys rest: 1.5 million rows would be checked one by one.
SET session_replication_role = replica;

INSERT INTO accounts (id, name, created_at) SELECT pg_temp.u('account', a), 'small', now() FROM generate_series(1, 100) a;
INSERT INTO inbox_sequences (account_id) SELECT pg_temp.u('account', a) FROM generate_series(1, 100) a;
INSERT INTO change_sequences (account_id, last_seq, followed_until)
    SELECT pg_temp.u('account', a), 0, now() FROM generate_series(1, 100) a;
INSERT INTO users (account_id, id, email, name, role, password_hash, created_at)
    SELECT pg_temp.u('account', a), pg_temp.u('user', a * 100 + n), 's' || a * 100 + n, 'n', 'USER', 'x', now()
    FROM generate_series(1, 100) a, generate_series(1, 10) n;
INSERT INTO sign_ins (account_id, id, user_id, created_at, last_used_at)
    SELECT account_id, gen_random_uuid(), id, now(), now() FROM users WHERE email LIKE 's%';
INSERT INTO refresh_tokens (account_id, hash, sign_in_id, expires_at)
    SELECT account_id, sha256(id::text::bytea), id, now() + '1 day' FROM sign_ins ON CONFLICT DO NOTHING;
INSERT INTO channels (account_id, id, kind, name, external_id, access_token, app_secret, verify_token, created_at)
    SELECT pg_temp.u('account', a), pg_temp.u('channel', a), 'whatsapp', 'n', 's' || a, '', '', '', now()
    FROM generate_series(1, 100) a;
INSERT INTO contacts (account_id, id, name, email, phone, created_at)
    SELECT pg_temp.u('account', a), pg_temp.u('contact', 1000000 + a * 100 + n), 'name ' || n, n || '@x.example', n::text, now()
    FROM generate_series(1, 100) a, generate_series(1, 30) n;
INSERT INTO contact_merges (account_id, id, winner_id, loser_id, moved, created_at)
    SELECT pg_temp.u('account', a), gen_random_uuid(), pg_temp.u('contact', 1000000 + a * 100 + n),
           pg_temp.u('contact', 1000000 + a * 100 + n + 10), '{}', now()
    FROM generate_series(1, 100) a, generate_series(1, 10) n;
INSERT INTO contact_identities (account_id, channel_id, scheme, value, contact_id)
    SELECT pg_temp.u('account', a), pg_temp.u('channel', a), 'phone', n::text, pg_temp.u('contact', 1000000 + a * 100 + n)
    FROM generate_series(1, 100) a, generate_series(1, 30) n;
INSERT INTO conversations (account_id, id, channel_id, contact_id, status, last_message_at, last_seq, created_at)
    SELECT pg_temp.u('account', a), pg_temp.u('conversation', 1000000 + a * 100 + n), pg_temp.u('channel', a),
           pg_temp.u('contact', 1000000 + a * 100 + n), 'open', now(), 3, now()
    FROM generate_series(1, 100) a, generate_series(1, 30) n;
INSERT INTO messages (account_id, id, conversation_id, seq, channel_id, direction, kind, text, external_id, status, created_at)
    SELECT account_id, gen_random_uuid(), id, n, channel_id, CASE n WHEN 3 THEN 'outbound' ELSE 'inbound' END, 'text',
           'hello ' || n, gen_random_uuid()::text, 'delivered', now()
    FROM conversations, generate_series(1, 3) n ON CONFLICT DO NOTHING;
INSERT INTO replies (account_id, message_id, conversation_id, seq, channel_id, due_at, done_at)
    SELECT account_id, id, conversation_id, seq, channel_id, now(), now() FROM messages WHERE direction = 'outbound'
    ON CONFLICT DO NOTHING;
INSERT INTO pending_statuses (account_id, channel_id, external_id, status, happened_at)
    SELECT account_id, id, n::text, 'read', now() FROM channels, generate_series(1, 3) n;
INSERT INTO raw_events (account_id, id, channel_id, body, sha256, received_at, due_at, processed_at)
    SELECT account_id, gen_random_uuid(), id, '', sha256(n::text::bytea), now(), now(), now()
    FROM channels, generate_series(1, 30) n;
INSERT INTO outbox (account_id, seq, event, created_at, published_at)
    SELECT id, 1000 + n, jsonb_build_object('conversationId', n), now(), now() FROM accounts, generate_series(1, 90) n;
INSERT INTO webhooks (account_id, id, kind, url, header, secret, created_at)
    SELECT pg_temp.u('account', a), pg_temp.u('webhook', a), 'standard', 'u', 'h', '', now() FROM generate_series(1, 100) a;
INSERT INTO webhook_deliveries (account_id, webhook_id, seq, due_at, done_at)
    SELECT w.account_id, w.id, 1000 + n, now(), now() FROM webhooks w, generate_series(1, 90) n;
INSERT INTO labels (account_id, id, name, color, created_at)
    SELECT id, gen_random_uuid(), 'label ' || n, '#000000', now() FROM accounts, generate_series(1, 3) n;
INSERT INTO conversation_labels (account_id, conversation_id, label_id)
    SELECT account_id, c.id, l.id FROM conversations c JOIN labels l USING (account_id) ON CONFLICT DO NOTHING;
INSERT INTO notes (account_id, id, conversation_id, author_id, text, created_at, updated_at)
    SELECT account_id, gen_random_uuid(), id, gen_random_uuid(), 'n', now(), now() FROM conversations;
INSERT INTO teams (account_id, id, name, created_at) SELECT id, gen_random_uuid(), 'n', now() FROM accounts;
INSERT INTO team_members (account_id, team_id, user_id)
    SELECT account_id, t.id, u.id FROM teams t JOIN users u USING (account_id) ON CONFLICT DO NOTHING;
INSERT INTO roles (account_id, id, name, permissions, created_at)
    SELECT id, gen_random_uuid(), 'n', '{}', now() FROM accounts;
INSERT INTO canned_responses (account_id, id, shortcode, text, created_at)
    SELECT id, gen_random_uuid(), n::text, 'n', now() FROM accounts, generate_series(1, 5) n;
INSERT INTO api_keys (account_id, id, name, hash, hint, permissions, created_by, created_at)
    SELECT id, gen_random_uuid(), 'n', sha256(id::text::bytea), 'h', '{}', gen_random_uuid(), now() FROM accounts;
INSERT INTO invitations (account_id, id, email, role, hash, invited_by, created_at, expires_at)
    SELECT id, gen_random_uuid(), 'e', 'USER', sha256(id::text::bytea), gen_random_uuid(), now(), now() FROM accounts;
INSERT INTO rooms (account_id, id, name, is_private, created_at)
    SELECT id, gen_random_uuid(), 'n', n % 2 = 0, now() FROM accounts, generate_series(1, 10) n;
INSERT INTO join_links (account_id, id, room_id, rights, hash, created_by, created_at, expires_at)
    SELECT account_id, gen_random_uuid(), id, '{}', sha256(id::text::bytea), gen_random_uuid(), now(), now() FROM rooms;
INSERT INTO room_messages (account_id, room_id, seq, id, user_id, user_name, client_id, text, created_at)
    SELECT account_id, id, 1000 + n, gen_random_uuid(), gen_random_uuid(), 'n', gen_random_uuid(), 't', now()
    FROM rooms, generate_series(1, 10) n;
INSERT INTO room_attachments (account_id, id, room_id, user_id, file_name, mime_type, size_bytes, sha256, created_at,
                              is_stored, message_seq, remove_at)
    SELECT account_id, gen_random_uuid(), id, gen_random_uuid(), 'n', 'image/png', 1, sha256('n'), now(), true,
           CASE WHEN n > 1 THEN 1000 + n END, CASE WHEN n = 1 THEN now() + '1 hour'::interval END
    FROM rooms, generate_series(1, 5) n;
INSERT INTO recordings (account_id, id, room_id, node_id, started_by, started_at, ended_at, status, manifest)
    SELECT account_id, gen_random_uuid(), id, gen_random_uuid(), gen_random_uuid(), now(), now(), 'ended', '{}' FROM rooms;
INSERT INTO attachment_totals (account_id, size_bytes) SELECT id, 50 FROM accounts ON CONFLICT DO NOTHING;
INSERT INTO room_changes (account_id, room_id, seq, message_seq)
    SELECT account_id, id, 1010 + n, 1000 + n FROM rooms, generate_series(1, 5) n;
INSERT INTO room_reactions (account_id, room_id, message_seq, emoji, user_id)
    SELECT account_id, id, 1000 + n, 'x', gen_random_uuid() FROM rooms, generate_series(1, 5) n;
INSERT INTO room_reads (account_id, room_id, user_id, seq)
    SELECT account_id, id, gen_random_uuid(), n FROM rooms, generate_series(1, 5) n;
INSERT INTO unread_mentions (account_id, room_id, user_id, seq)
    SELECT account_id, id, gen_random_uuid(), 1000 + n FROM rooms, generate_series(1, 5) n;
INSERT INTO room_members (account_id, room_id, user_id, created_at)
    SELECT account_id, id, gen_random_uuid(), now() FROM rooms, generate_series(1, 5);
INSERT INTO push_subscriptions (account_id, id, user_id, endpoint_sha256, service, sealed, created_at)
    SELECT account_id, id, id, sha256(id::text::bytea), 's', '', now() FROM users ON CONFLICT DO NOTHING;
INSERT INTO push_keys (account_id, public_key, private_key, created_at) SELECT id, '', '', now() FROM accounts
    ON CONFLICT DO NOTHING;
INSERT INTO notifications (account_id, user_id, topic, target_id, kind, from_id, from_name, room_id, created_at, due_at,
                           expires_at)
    SELECT account_id, user_id, room_id, user_id, 'mention', user_id, 'n', room_id, now(), now(), now() FROM room_members
    ON CONFLICT DO NOTHING;
INSERT INTO mailboxes (account_id, user_id, last_seq)
    SELECT account_id, user_id, 5 FROM room_members ON CONFLICT DO NOTHING;
INSERT INTO mailbox_entries (account_id, user_id, seq, kind, from_id, from_name, room_id, message_seq, created_at)
    SELECT account_id, user_id, 1, 'mention', gen_random_uuid(), 'n', room_id, 1001, now() FROM room_members
    ON CONFLICT DO NOTHING;
INSERT INTO room_removals (account_id, room_id, user_id, removed_at)
    SELECT account_id, room_id, user_id, created_at FROM room_members ON CONFLICT DO NOTHING;
INSERT INTO room_mutes (account_id, room_id, user_id, created_at)
    SELECT account_id, room_id, user_id, created_at FROM room_members ON CONFLICT DO NOTHING;
INSERT INTO room_bans (account_id, room_id, user_id, created_at)
    SELECT account_id, room_id, user_id, created_at FROM room_members ON CONFLICT DO NOTHING;
INSERT INTO rooms (account_id, id, name, is_private, direct_low, direct_high, created_at)
    SELECT account_id, gen_random_uuid(), 'd', true, least(user_id, room_id), greatest(user_id, room_id), created_at
    FROM room_members;
INSERT INTO rooms (account_id, id, name, is_private, join_name, created_at)
    SELECT account_id, gen_random_uuid(), 'd', false, 'named', created_at FROM room_members ON CONFLICT DO NOTHING;
INSERT INTO calls (account_id, id, room_id, caller_id, callee_id, started_at)
    SELECT account_id, gen_random_uuid(), id, gen_random_uuid(), gen_random_uuid(), now() FROM rooms;
INSERT INTO call_parties (account_id, call_id, user_id, position, invited_by, invited_at)
    SELECT account_id, id, caller_id, 0, caller_id, started_at FROM calls ON CONFLICT DO NOTHING;
INSERT INTO audit_entries (account_id, id, at, actor_kind, actor_id, action, object_kind, object_id)
    SELECT id, gen_random_uuid(), now(), 'user', gen_random_uuid(), 'x', 'x', gen_random_uuid()
    FROM accounts, generate_series(1, 30);
INSERT INTO idempotent_requests (account_id, actor_id, key, fingerprint, created_at)
    SELECT id, gen_random_uuid(), 'k', '', now() FROM accounts, generate_series(1, 10);
INSERT INTO changes (account_id, seq, table_name, operation, row_id, at)
    SELECT id, 1000000 + n, 'labels', 'delete', gen_random_uuid(), now() FROM accounts, generate_series(1, 30) n;
INSERT INTO imports (account_id, id, created_by, created_at, row_count, due_at, finished_at)
    SELECT id, gen_random_uuid(), gen_random_uuid(), now(), 30, now(), now() FROM accounts;
INSERT INTO import_rows (account_id, import_id, number, outcome)
    SELECT account_id, id, n, 'created' FROM imports, generate_series(1, 30) n ON CONFLICT DO NOTHING;
-- The fixture's own work is done, too.
UPDATE raw_events SET processed_at = now() WHERE processed_at IS NULL;
UPDATE outbox SET published_at = now() WHERE published_at IS NULL;
UPDATE replies SET done_at = now() WHERE done_at IS NULL;
UPDATE webhook_deliveries SET done_at = now() WHERE done_at IS NULL;
UPDATE imports SET finished_at = now() WHERE finished_at IS NULL;
UPDATE import_rows SET outcome = 'created' WHERE outcome IS NULL;
