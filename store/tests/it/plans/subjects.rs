//! The rows that statements are asked about: one of each table, of the large account, in the midst of the others.

use serde_json::{Map, Value};
use sqlx::{AssertSqlSafe, PgConnection};
use std::collections::BTreeMap;

/// Which row of each table.
const ROWS: [(&str, &str); 66] = [
    ("accounts", "name = 'a'"),
    ("api_keys", "id = pg_temp.u('key', 777)"),
    ("attachment_totals", "account_id = (SELECT id FROM accounts WHERE name = 'a')"),
    ("audit_entries", "id = pg_temp.u('audit', 37777)"),
    ("call_parties", "call_id = pg_temp.u('call', 17777) AND position = 0"),
    ("calls", "id = pg_temp.u('call', 17777)"),
    ("canned_responses", "id = pg_temp.u('canned', 777)"),
    ("change_sequences", "account_id = (SELECT id FROM accounts WHERE name = 'a')"),
    ("changes", "row_id = pg_temp.u('message', 777770)"),
    ("channels", "external_id = 'a'"),
    ("contact_identities", "contact_id = pg_temp.u('contact', 77777)"),
    ("contact_merges", "winner_id = pg_temp.u('contact', 77777)"),
    ("contacts", "id = pg_temp.u('contact', 77777)"),
    ("conversation_labels", "conversation_id = pg_temp.u('conversation', 77777)"),
    ("conversations", "id = pg_temp.u('conversation', 77777)"),
    ("delivery_accounts", "account_id = (SELECT id FROM accounts WHERE name = 'a')"),
    ("delivery_queues", "webhook_id = (SELECT id FROM webhooks WHERE kind = 'n8n')"),
    ("elevations", "id = pg_temp.u('elevation', 17)"),
    ("hub_nodes", "id = pg_temp.u('node', 17)"),
    ("idempotent_requests", "key = 'key 17777'"),
    ("import_rows", "import_id = pg_temp.u('import', 1950) AND number = 39927"),
    ("imports", "id = pg_temp.u('import', 1950)"),
    ("inbox_sequences", "account_id = (SELECT id FROM accounts WHERE name = 'a')"),
    ("invitations", "id = pg_temp.u('invitation', 777)"),
    ("join_links", "id = pg_temp.u('join link', 776)"),
    ("labels", "id = pg_temp.u('label', 7)"),
    ("mailbox_entries", "user_id = pg_temp.u('user', 1000008) AND seq = 77777"),
    ("mailboxes", "user_id = pg_temp.u('user', 1000008)"),
    ("messages", "id = pg_temp.u('message', 777779)"),
    ("notes", "id = pg_temp.u('note', 17777)"),
    ("notifications", "target_id = pg_temp.u('push', 17777)"),
    ("outbox", "seq = 77777"),
    ("pending_statuses", "external_id = 'early.7777'"),
    ("push_keys", "account_id = (SELECT id FROM accounts WHERE name = 'a')"),
    ("push_subscriptions", "id = pg_temp.u('push', 17777)"),
    ("raw_events", "id = pg_temp.u('raw', 77777)"),
    ("recordings", "id = pg_temp.u('recording', 777)"),
    ("refresh_tokens", "hash = sha256('7777')"),
    ("replies", "message_id = pg_temp.u('message', 777779)"),
    ("reply_accounts", "account_id = (SELECT id FROM accounts WHERE name = 'a')"),
    ("reply_queues", "channel_id = (SELECT id FROM channels WHERE external_id = 'a')"),
    ("roles", "id = pg_temp.u('role', 3)"),
    ("room_attachments", "id = pg_temp.u('file', 7777)"),
    ("room_bans", "room_id = pg_temp.u('room', 777) AND user_id = pg_temp.u('user', 1000008)"),
    ("room_changes", "room_id = pg_temp.u('room', 777) AND seq = 20002"),
    ("room_event_sequences", "account_id = (SELECT id FROM accounts WHERE name = 'a')"),
    ("room_events", "seq = 7777"),
    ("room_members", "room_id = pg_temp.u('room', 777) AND user_id = pg_temp.u('user', 1000008)"),
    ("room_messages", "id = pg_temp.u('said', 77777)"),
    ("room_mutes", "room_id = pg_temp.u('room', 777) AND user_id = pg_temp.u('user', 1000008)"),
    (
        "room_reactions",
        "room_id = pg_temp.u('room', 777) AND message_seq = 78 AND emoji = 'emoji 1' AND user_id = pg_temp.u('user', 1000018)",
    ),
    ("room_reads", "room_id = pg_temp.u('room', 777) AND user_id = pg_temp.u('user', 1000008)"),
    ("room_removals", "room_id = pg_temp.u('room', 777) AND user_id = pg_temp.u('user', 1000008)"),
    ("room_reviews", "room_id = pg_temp.u('room', 777) AND xact = '1000000777'"),
    ("rooms", "id = pg_temp.u('room', 777)"),
    ("sign_ins", "id = pg_temp.u('sign_in', 7777)"),
    ("team_members", "team_id = pg_temp.u('team', 7) AND user_id = pg_temp.u('user', 1000008)"),
    ("teams", "id = pg_temp.u('team', 7)"),
    (
        "unread_mentions",
        "room_id = pg_temp.u('room', 777) AND user_id = pg_temp.u('user', 1000008) AND seq = 7",
    ),
    ("told_sessions", "room_id = pg_temp.u('room', 777)"),
    ("users", "id = pg_temp.u('user', 1000778)"),
    ("webhook_deliveries", "seq = 77777"),
    ("webhooks", "kind = 'n8n'"),
    ("pg_trigger", "tgname = 'note_change' AND tgrelid = 'messages'::regclass"),
    ("pg_class", "relname = 'messages'"),
    ("_sqlx_migrations", "version = 1"),
];

/// The rows by table, and what else is asked for.
#[derive(Debug)]
pub(super) struct Subjects {
    rows: BTreeMap<&'static str, Map<String, Value>>,
    given: BTreeMap<&'static str, Option<String>>,
}

impl Subjects {
    /// Reads the rows from the loaded database.
    pub(super) async fn read(owner: &mut PgConnection) -> Self {
        let mut rows = BTreeMap::new();
        for (table, place) in ROWS {
            let query = format!("SELECT to_jsonb(t) FROM {table} t WHERE {place}");
            let row: Option<Value> =
                sqlx::query_scalar(AssertSqlSafe(query)).fetch_optional(&mut *owner).await.unwrap();
            let Some(Value::Object(row)) = row else { panic!("{table} has no row where {place}") };
            rows.insert(table, row);
        }
        let mut given = BTreeMap::new();
        for (_, expressions) in super::parameters::GIVEN {
            for (_, expression) in *expressions {
                let query = format!("SELECT ({expression})::text");
                let value = sqlx::query_scalar(AssertSqlSafe(query)).fetch_one(&mut *owner).await;
                given.insert(*expression, value.unwrap_or_else(|error| panic!("{expression}: {error}")));
            }
        }
        Self { rows, given }
    }

    /// Whether there is a table of this name.
    pub(super) fn has_table(&self, name: &str) -> bool {
        self.rows.contains_key(name)
    }

    /// The column's value in the table's row, if it has such a column.
    pub(super) fn value(&self, table: &str, column: &str) -> Option<&Value> {
        self.rows.get(table)?.get(column)
    }

    /// What an expression of [`super::parameters::GIVEN`] comes to.
    pub(super) fn given(&self, expression: &str) -> Option<&str> {
        self.given.get(expression)?.as_deref()
    }
}
