-- The rows of the change feed, one function for each table that clients may follow. They have the members that the
-- REST layer serves of the same thing: `store::changes` reads them into its type, which spells times and the like,
-- and a test compares the two. What takes more than a look-up to know is left to that type (a role's permissions).
--
-- What is another table's and may have changed without the row is in `feed_joined`, for those that have such. It is
-- PL/pgSQL, which plans its look-ups once per connection; SQL would once per transaction.
-- All that is joined is looked up by account and id: these run for superusers too, whom no policy binds.

CREATE OR REPLACE FUNCTION feed_row(r labels) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object('id', r.id, 'name', r.name, 'color', r.color)
$$;

CREATE OR REPLACE FUNCTION feed_row(r canned_responses) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object('id', r.id, 'shortcode', r.shortcode, 'text', r.text)
$$;

CREATE OR REPLACE FUNCTION feed_row(r teams) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object('id', r.id, 'name', r.name)
$$;

CREATE OR REPLACE FUNCTION feed_row(r rooms) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object('id', r.id, 'name', r.name, 'private', r.is_private,
        'direct', r.direct_low IS NOT NULL, 'closedAt', r.closed_at,
        'lastSeq', r.last_seq)
$$;

CREATE OR REPLACE FUNCTION feed_row(r calls) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object('id', r.id, 'roomId', r.room_id, 'startedAt', r.started_at, 'answeredAt', r.answered_at,
        'endedAt', r.ended_at, 'outcome', r.outcome)
$$;

CREATE OR REPLACE FUNCTION feed_joined(r calls) RETURNS jsonb LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN jsonb_build_object('participants',
        (SELECT coalesce(jsonb_agg(jsonb_build_object('userId', p.user_id, 'isCaller', p.position = 0,
                                       'invitedBy', p.invited_by, 'joinedAt', p.joined_at, 'leftAt', p.left_at,
                                       'outcome', p.outcome, 'transferredTo', p.transferred_to) ORDER BY p.position, p.user_id), '[]')
         FROM call_parties p WHERE p.account_id = r.account_id AND p.call_id = r.id));
END $$;

CREATE OR REPLACE FUNCTION feed_row(r channels) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object('id', r.id, 'kind', r.kind, 'name', r.name, 'phoneNumberId', r.external_id,
        'webhookPath', '/v1/webhooks/' || r.kind || '/' || r.id, 'disabledAt', r.disabled_at)
$$;

CREATE OR REPLACE FUNCTION feed_row(r webhooks) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object('id', r.id, 'kind', r.kind, 'url', r.url, 'header', r.header, 'subject', r.subject, 'events', r.events,
        'disabledAt', r.disabled_at, 'failingSince',
        (SELECT q.failing_since FROM delivery_queues q WHERE q.account_id = r.account_id AND q.webhook_id = r.id))
$$;

CREATE OR REPLACE FUNCTION feed_row(r users) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object('id', r.id, 'name', r.name, 'email', r.email, 'role', r.role, 'roleId', r.role_id,
        'accountId', r.account_id, 'deactivatedAt', r.deactivated_at, 'permissions',
        (SELECT to_jsonb(o.permissions) FROM roles o WHERE o.account_id = r.account_id AND o.id = r.role_id))
$$;

CREATE OR REPLACE FUNCTION feed_row(r audit_entries) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object('id', r.id, 'at', r.at, 'actorKind', r.actor_kind, 'actorId', r.actor_id,
        'address', r.address, 'action', r.action, 'objectKind', r.object_kind, 'objectId', r.object_id,
        'before', r.before, 'after', r.after)
$$;

CREATE OR REPLACE FUNCTION feed_row(r contacts) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object('id', r.id, 'name', r.name, 'email', r.email, 'phone', r.phone,
        'attributes', r.attributes, 'mergedInto', r.merged_into, 'createdAt', r.created_at)
$$;

CREATE OR REPLACE FUNCTION feed_joined(r contacts) RETURNS jsonb LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN jsonb_build_object('identities',
        (SELECT coalesce(jsonb_agg(jsonb_build_object('channelId', i.channel_id, 'scheme', i.scheme, 'value', i.value)
                                   ORDER BY i.channel_id, i.scheme, i.value), '[]')
         FROM contact_identities i
         WHERE i.account_id = r.account_id AND i.contact_id = ANY (ARRAY(SELECT r.id UNION ALL
               SELECT merged.id FROM contacts merged
               WHERE merged.account_id = r.account_id AND merged.merged_into = r.id))));
END $$;

CREATE OR REPLACE FUNCTION feed_row(r conversations) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object('id', r.id, 'channelId', r.channel_id, 'status', r.status,
        'snoozedUntil', r.snoozed_until, 'priority', r.priority, 'assigneeId', r.assignee_id, 'teamId', r.team_id,
        'attributes', r.attributes, 'preview', r.preview, 'lastMessageAt', r.last_message_at, 'unread', r.unread)
$$;

CREATE OR REPLACE FUNCTION feed_joined(r conversations) RETURNS jsonb LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN jsonb_build_object('channelKind',
        (SELECT ch.kind FROM channels ch WHERE ch.account_id = r.account_id AND ch.id = r.channel_id),
        'contact',
        -- No join: Postgres would rather compare with every contact of an account that it takes for a small one.
        (SELECT jsonb_build_object('id', standing.id, 'name', standing.name) FROM contacts standing
         WHERE standing.account_id = r.account_id AND standing.id =
             (SELECT CASE WHEN c.merged_into IS NULL THEN c.id ELSE c.merged_into END FROM contacts c
              WHERE c.account_id = r.account_id AND c.id = r.contact_id)),
        'labelIds',
        (SELECT coalesce(jsonb_agg(l.label_id ORDER BY l.label_id), '[]')
         FROM conversation_labels l WHERE l.account_id = r.account_id AND l.conversation_id = r.id));
END $$;

CREATE OR REPLACE FUNCTION feed_row(r messages) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object('id', r.id, 'conversationId', r.conversation_id, 'direction', r.direction,
        'authorId', r.author_id, 'text', r.text, 'attachments', r.attachments, 'status', r.status, 'error', r.error,
        'createdAt', r.created_at, 'sentAt', r.sent_at, 'deliveredAt', r.delivered_at, 'readAt', r.read_at,
        'failedAt', r.failed_at)
$$;

CREATE OR REPLACE FUNCTION feed_row(r notes) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object('id', r.id, 'conversationId', r.conversation_id, 'authorId', r.author_id,
        'text', r.text, 'createdAt', r.created_at, 'updatedAt', r.updated_at)
$$;

SELECT feed('labels'), feed('canned_responses'), feed('teams'), feed('rooms'), feed('calls'), feed('channels'),
       feed('webhooks'), feed('users'), feed('audit_entries'), feed('contacts'), feed('conversations'),
       feed('messages'), feed('notes');

SELECT feed('conversation_labels', 'note_part', 'INSERT OR DELETE'),
       feed('contact_identities', 'note_part', 'INSERT OR DELETE'),
       feed('call_parties', 'note_part', 'INSERT OR UPDATE OF joined_at, left_at, outcome'),
       feed('contacts', 'note_part', 'UPDATE OF name, merged_into',
            'NEW.name <> OLD.name OR NEW.merged_into IS DISTINCT FROM OLD.merged_into'),
       feed('roles', 'note_part', 'UPDATE OF permissions', 'NEW.permissions <> OLD.permissions');
