//! What taking and finishing work reads while much waits, whatever the planner knows and however plans are made.

use crate::{
    fair::{deliveries, replies, webhooks},
    fixture::{LONG_TRANSACTIONS, Tenant, channel, owner, reconnected, rows_read, tenant},
};
use common::clock::ManualClock;
use sqlx::{Connection, Executor};
use store::{
    Store, messages,
    testing::TestDatabase,
    webhooks::{self as hooks, Attempt},
};

/// The tables of queues.
const QUEUES: [&str; 6] = [
    "webhook_deliveries",
    "delivery_queues",
    "delivery_accounts",
    "replies",
    "reply_queues",
    "reply_accounts",
];

/// So that statistics stay as they are, and no long look at a table keeps what is done from being cleared away.
/// Nobody follows what is made here.
const STILL: &str = "
    DELETE FROM webhook_deliveries;
    DELETE FROM replies;
    DO $$ DECLARE name regclass; BEGIN
        FOR name IN SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' LOOP
            EXECUTE format('ALTER TABLE %s SET (autovacuum_enabled = off)', name);
        END LOOP; END $$;
    UPDATE change_sequences SET followed_until = 'epoch'";

/// Of each webhook 12,500 deliveries and of each channel 12,500 replies, all due.
const CROWD: &str = r#"
    INSERT INTO outbox (account_id, seq, event, created_at, published_at)
        SELECT id, 1000000 + n, jsonb_build_object('type', 'conversationErased', 'conversationId', id), now(), now()
        FROM accounts, generate_series(1, 12500) n;
    INSERT INTO webhook_deliveries (account_id, webhook_id, seq, due_at)
        SELECT account_id, webhooks.id, seq, 'epoch' FROM webhooks JOIN outbox USING (account_id) WHERE seq > 1000000;
    INSERT INTO contacts (account_id, id, name, created_at)
        SELECT account_id, gen_random_uuid(), 'crowd ' || id, now() FROM channels, generate_series(1, 3125) n;
    INSERT INTO conversations (account_id, id, channel_id, contact_id, status, last_message_at, created_at)
        SELECT c.account_id, c.id, channels.id, c.id, 'open', now(), now()
        FROM contacts c JOIN channels ON c.name = 'crowd ' || channels.id;
    INSERT INTO messages (account_id, id, conversation_id, seq, channel_id, direction, kind, text, status, created_at)
        SELECT account_id, gen_random_uuid(), id, n, channel_id, 'outbound', 'text', 'x', 'queued', now()
        FROM conversations, generate_series(1, 4) n WHERE contact_id = id;
    INSERT INTO replies (account_id, message_id, conversation_id, seq, due_at)
        SELECT account_id, id, conversation_id, seq, 'epoch' FROM messages WHERE text = 'x' ORDER BY seq"#;

/// Takes and finishes what may be in flight at once, as senders do; how much.
async fn work_off(
    store: &Store,
    tenants: &[Tenant],
    hooks_of: &[Vec<hooks::Webhook>],
    clock: &ManualClock,
) -> usize {
    let freed = tenants.iter().zip(hooks_of);
    let freed: Vec<_> =
        freed.flat_map(|(tenant, hooks)| hooks.iter().map(|hook| (tenant.account, hook.id))).collect();
    let mut done = 0;
    for claim in deliveries(store, 64, &freed, clock).await {
        let mut tx = store.tenant(claim.account).await.unwrap();
        assert!(hooks::open_delivery(&mut tx, claim.webhook, claim.seq, clock).await.unwrap().is_some());
        let taken = Attempt { answer_status: Some(204), error: None };
        hooks::finish_delivery(&mut tx, &claim, &taken, clock).await.unwrap();
        tx.commit().await.unwrap();
        done += 1;
    }
    for claim in replies(store, 64, clock).await {
        let mut tx = store.tenant(claim.account).await.unwrap();
        messages::refused(&mut tx, claim.message, "no", clock).await.unwrap();
        tx.commit().await.unwrap();
        done += 1;
    }
    done
}

/// Two accounts of two webhooks and two channels. The usual case comes first: statistics were taken while the queues
/// were empty. Read as its own users read, counted by Postgres itself, triggers included.
#[tokio::test]
async fn with_fifty_thousand_waiting_little_is_read_to_take_and_finish_some() {
    const ROUNDS: usize = 6;
    let _alone = LONG_TRANSACTIONS.lock().await;
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let tenants = [tenant(&db, "a", &clock).await, tenant(&db, "b", &clock).await];
    let mut hooks_of = Vec::new();
    for tenant in &tenants {
        webhooks(&db, tenant, 1, &clock).await;
        channel(&db, tenant.account, &format!("{} 2", tenant.account), &clock).await;
        let mut tx = db.store.tenant(tenant.account).await.unwrap();
        hooks_of.push(hooks::list(&mut tx, None, 9).await.unwrap());
    }
    let mut owner = owner(&db).await;
    sqlx::raw_sql(STILL).execute(&mut owner).await.unwrap();
    owner.execute("VACUUM ANALYZE").await.unwrap();
    sqlx::raw_sql(CROWD).execute(&mut owner).await.unwrap();
    owner.close().await.unwrap();
    db.store.close().await;
    let mut counter = crate::fixture::owner(&db).await;
    for statistics in ["SELECT 1", "ANALYZE"] {
        counter.execute(statistics).await.unwrap();
        let before = rows_read(&mut counter, &QUEUES).await;
        let store = reconnected(&db).await;
        let mut done = 0;
        for _ in 0..ROUNDS {
            done += work_off(&store, &tenants, &hooks_of, &clock).await;
        }
        assert_eq!(done, ROUNDS * 32, "four of each at a time");
        store.close().await;
        let read = rows_read(&mut counter, &QUEUES).await - before;
        // Less than one look at everything; mostly it is a tenth.
        assert!(read < 40_000, "{read} rows were read for {done} after {statistics}");
    }

    // It would pass for the wrong reason if nothing were counted.
    let before = rows_read(&mut counter, &QUEUES).await;
    let mut reader = crate::fixture::owner(&db).await;
    reader.execute("SELECT count(*) FROM webhook_deliveries WHERE error IS NULL").await.unwrap();
    reader.close().await.unwrap();
    let scanned = rows_read(&mut counter, &QUEUES).await - before;
    assert!(scanned >= 50_000, "a scan counted as {scanned} rows");
}
