//! How Postgres would run our queries once there is much in the tables.

use crate::fixture::{Tenant, desk, owner, tenant};
use serde_json::Value;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, Row};
use std::{collections::BTreeSet, fs, path::Path};
use store::testing::TestDatabase;

/// Rows that are copied into every account; there are as many accounts as these statements make.
const CROWD: &str = "
    INSERT INTO accounts SELECT ('00000000-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid, 'crowd', now()
        FROM generate_series(1, 100) n;
    INSERT INTO inbox_streams SELECT id FROM accounts ON CONFLICT DO NOTHING;
    INSERT INTO users (account_id, id, email, name, role, created_at)
        SELECT a.id, gen_random_uuid(), gen_random_uuid()::text, 'n', 'USER', now() FROM accounts a, generate_series(1, 50);
    INSERT INTO sessions (account_id, id, user_id, created_at, last_used_at)
        SELECT account_id, gen_random_uuid(), id, now(), now() FROM users, generate_series(1, 4);
    INSERT INTO refresh_tokens (account_id, hash, session_id, expires_at)
        SELECT account_id, sha256(id::text::bytea), id, now() FROM sessions ON CONFLICT DO NOTHING;
    INSERT INTO channels (account_id, id, kind, name, external_id, access_token, app_secret, verify_token, created_at)
        SELECT id, gen_random_uuid(), 'whatsapp', 'n', gen_random_uuid()::text, '', '', '', now() FROM accounts;
    INSERT INTO contacts (account_id, id, name, created_at)
        SELECT a.id, gen_random_uuid(), 'name ' || n, now() FROM accounts a, generate_series(1, 300) n;
    INSERT INTO contact_identities (account_id, channel_id, scheme, value, contact_id)
        SELECT c.account_id, ch.id, 'phone', c.id::text, c.id
        FROM contacts c JOIN LATERAL (SELECT id FROM channels WHERE account_id = c.account_id LIMIT 1) ch ON true;
    INSERT INTO conversations (account_id, id, channel_id, contact_id, status, last_message_at, created_at)
        SELECT account_id, gen_random_uuid(), channel_id, contact_id, 'open', now(), now() FROM contact_identities
        ON CONFLICT DO NOTHING;
    INSERT INTO messages (account_id, id, conversation_id, seq, channel_id, direction, kind, text, status, created_at)
        SELECT account_id, gen_random_uuid(), id, 1000 + n, channel_id, 'inbound', 'text', 'word ' || n, 'delivered', now()
        FROM conversations, generate_series(1, 4) n;
    INSERT INTO notes (account_id, id, conversation_id, author_id, text, created_at, updated_at)
        SELECT account_id, gen_random_uuid(), id, gen_random_uuid(), 'n', now(), now() FROM conversations;
    INSERT INTO rooms (account_id, id, name, created_at)
        SELECT id, gen_random_uuid(), 'n', now() FROM accounts, generate_series(1, 20);
    INSERT INTO room_messages (account_id, room_id, seq, id, user_id, user_name, client_id, text, created_at)
        SELECT account_id, id, 1000 + n, gen_random_uuid(), gen_random_uuid(), 'n', gen_random_uuid(), 't', now()
        FROM rooms, generate_series(1, 20) n;
    INSERT INTO calls (account_id, id, room_id, caller_id, callee_id, started_at)
        SELECT account_id, gen_random_uuid(), id, gen_random_uuid(), gen_random_uuid(), now()
        FROM rooms, generate_series(1, 10);
    INSERT INTO outbox (account_id, seq, event, created_at, published_at)
        SELECT id, 1000 + n, '{}', now(), now() FROM accounts, generate_series(1, 300) n;
    INSERT INTO labels (account_id, id, name, color, created_at)
        SELECT id, gen_random_uuid(), 'label ' || n, '#000000', now() FROM accounts, generate_series(1, 5) n;
    INSERT INTO conversation_labels (account_id, conversation_id, label_id)
        SELECT c.account_id, c.id, l.id FROM conversations c JOIN labels l USING (account_id) ON CONFLICT DO NOTHING;
    INSERT INTO replies (account_id, message_id, conversation_id, seq, due_at, done_at)
        SELECT account_id, id, conversation_id, seq, now(), now() FROM messages ON CONFLICT DO NOTHING;
    INSERT INTO room_members (account_id, room_id, user_id, created_at)
        SELECT account_id, id, gen_random_uuid(), now() FROM rooms, generate_series(1, 20);
    INSERT INTO room_removals (account_id, room_id, user_id, removed_at)
        SELECT account_id, room_id, user_id, created_at FROM room_members ON CONFLICT DO NOTHING;
    INSERT INTO imports (account_id, id, created_by, created_at, row_count, due_at)
        SELECT id, gen_random_uuid(), gen_random_uuid(), now(), 300, now() FROM accounts;
    INSERT INTO import_rows (account_id, import_id, number, outcome)
        SELECT account_id, id, n, 'created' FROM imports, generate_series(1, 300) n ON CONFLICT DO NOTHING;
    INSERT INTO changes (account_id, seq, table_name, operation, row_id, at)
        SELECT id, 1000000 + n, 'labels', 'delete', gen_random_uuid(), now() FROM accounts, generate_series(1, 300) n;
    INSERT INTO webhooks (account_id, id, kind, url, header, secret, created_at)
        SELECT id, gen_random_uuid(), 'standard', 'u', 'h', '', now() FROM accounts;
    INSERT INTO webhook_deliveries (account_id, webhook_id, seq, due_at, done_at)
        SELECT o.account_id, w.id, o.seq, now(), now() FROM outbox o JOIN webhooks w USING (account_id)
        ON CONFLICT DO NOTHING;
    INSERT INTO audit_entries (account_id, id, at, actor_kind, action, object_kind, object_id)
        SELECT id, gen_random_uuid(), now(), 'system', 'x', 'x', gen_random_uuid() FROM accounts, generate_series(1, 300);
    ANALYZE;
";

/// Tables that grow with what customers and agents do; the others stay small.
const LARGE: [&str; 20] = [
    "users",
    "sessions",
    "refresh_tokens",
    "contacts",
    "contact_identities",
    "conversations",
    "conversation_labels",
    "messages",
    "notes",
    "rooms",
    "room_messages",
    "calls",
    "outbox",
    "webhook_deliveries",
    "replies",
    "audit_entries",
    "changes",
    "import_rows",
    "room_members",
    "room_removals",
];

/// Every SELECT that the crate makes, from the committed descriptions of its queries.
fn queries() -> Vec<(String, usize)> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join(".sqlx");
    let files =
        fs::read_dir(directory).unwrap().map(|file| fs::read_to_string(file.unwrap().path()).unwrap());
    let described = files.map(|text| serde_json::from_str::<Value>(&text).unwrap()).map(|file| {
        let parameters = &file["describe"]["parameters"];
        let count = parameters["Left"].as_array().map_or(0, Vec::len);
        (file["query"].as_str().unwrap().to_owned(), count)
    });
    described.filter(|(query, _)| query.trim_start().starts_with("SELECT")).collect()
}

/// The large tables that the plan reads from one end to the other.
fn scanned(plan: &Value, found: &mut BTreeSet<String>) {
    if plan["Node Type"] == "Seq Scan"
        && let Some(table) = plan["Relation Name"].as_str().filter(|table| LARGE.contains(table))
    {
        found.insert(table.to_owned());
    }
    for inner in plan["Plans"].as_array().into_iter().flatten() {
        scanned(inner, found);
    }
}

/// The plan that serves all parameters; `None` if this role may not ask.
async fn plan(connection: &mut PgConnection, query: &str, parameters: usize) -> Option<Value> {
    let mut tx = connection.begin().await.unwrap();
    tx.execute(AssertSqlSafe(format!("PREPARE asked AS {query}")))
        .await
        .unwrap_or_else(|error| panic!("{query}: {error}"));
    let nulls =
        if parameters == 0 { String::new() } else { format!("({})", vec!["NULL"; parameters].join(", ")) };
    let explained = tx.fetch_one(AssertSqlSafe(format!("EXPLAIN (FORMAT JSON) EXECUTE asked{nulls}"))).await;
    let plan = explained.map(|row| row.get::<Value, _>(0)[0]["Plan"].clone());
    tx.rollback().await.unwrap();
    connection.execute("DEALLOCATE ALL").await.unwrap();
    match plan {
        Ok(plan) => Some(plan),
        Err(error)
            if error.as_database_error().is_some_and(|error| error.code().as_deref() == Some("42501")) =>
        {
            None
        }
        Err(error) => panic!("{query}: {error}"),
    }
}

/// A query with no index to go by is noticed here before a customer notices it.
#[tokio::test]
async fn no_query_reads_a_large_table_from_one_end_to_the_other() {
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let a: Tenant = tenant(&db, "a", &clock).await;
    desk(&db, &a, &clock).await;
    let mut owner = owner(&db).await;
    owner.execute(CROWD).await.unwrap();
    let mut app = PgConnection::connect(db.app_url().expose()).await.unwrap();
    let account = format!("SELECT set_config('app.account_id', '{}', false)", a.account);
    app.execute(AssertSqlSafe(account)).await.unwrap();
    let mut system = PgConnection::connect(db.system_url().expose()).await.unwrap();
    for connection in [&mut app, &mut system] {
        connection.execute("SET plan_cache_mode = force_generic_plan").await.unwrap();
    }
    let queries = queries();
    assert!(queries.len() > 60, "only {} queries were found", queries.len());
    let mut complaints = Vec::new();
    for (query, parameters) in queries {
        let plan = match plan(&mut app, &query, parameters).await {
            Some(plan) => plan,
            None => plan(&mut system, &query, parameters)
                .await
                .unwrap_or_else(|| panic!("nobody may ask {query}")),
        };
        let mut found = BTreeSet::new();
        scanned(&plan, &mut found);
        if !found.is_empty() {
            complaints.push(format!("{found:?} by {query}"));
        }
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n\n"));

    // The test would pass for the wrong reason if the tables were too small to matter.
    let mut found = BTreeSet::new();
    scanned(&plan(&mut app, "SELECT id FROM messages WHERE kind = 'x'", 0).await.unwrap(), &mut found);
    let by_account = plan(&mut app, "SELECT count(*) FROM messages", 0).await.unwrap().to_string();
    assert!(found.is_empty() && by_account.contains("Index"), "Row-Level Security itself goes by an index");
    scanned(&plan(&mut owner, "SELECT id FROM messages WHERE kind = 'x'", 0).await.unwrap(), &mut found);
    assert_eq!(found, BTreeSet::from(["messages".to_owned()]));
}
