//! A backlog is worked off as fast as it would be if it were none.

use crate::fixture::{owner, tenant, until_alone};
use sqlx::{AssertSqlSafe, Executor};
use store::{raw_events, testing::TestDatabase};

/// Events taken at once, as workers do.
const CLAIM: u16 = 64;

/// How often.
const CLAIMS: u16 = 5;

/// Rows of `raw_events` and entries of its indexes that taking and finishing an event reads while this many wait.
async fn reads_per_event(waiting: u32) -> f64 {
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let a = tenant(&db, "a", &clock).await;
    let mut owner = owner(&db).await;
    // Statistics know of no event that waits, as they do nearly always.
    let insert = |range: &str, done: &str| {
        format!(
            "INSERT INTO raw_events (account_id, id, channel_id, body, sha256, received_at, due_at, processed_at)
             SELECT '{}', gen_random_uuid(), '{}', '', sha256(n::text::bytea), '2020-01-01', '2020-01-01', {done}
             FROM generate_series({range}) n",
            a.account, a.channel
        )
    };
    owner.execute("UPDATE raw_events SET processed_at = now()").await.unwrap();
    owner.execute("ALTER TABLE raw_events SET (autovacuum_enabled = false)").await.unwrap();
    owner.execute(AssertSqlSafe(insert("1, 1000", "now()"))).await.unwrap();
    owner.execute("ANALYZE").await.unwrap();
    owner.execute(AssertSqlSafe(insert(&format!("1001, 1000 + {waiting}"), "NULL"))).await.unwrap();
    let read =
        "SELECT (sum(idx_tup_read) + sum(idx_tup_fetch) + (SELECT seq_tup_read FROM pg_stat_user_tables
                        WHERE relname = 'raw_events'))::float8
                FROM pg_stat_user_indexes WHERE relname = 'raw_events'";
    owner.execute("SELECT pg_stat_force_next_flush()").await.unwrap();
    let before: f64 = sqlx::query_scalar(read).fetch_one(&mut owner).await.unwrap();
    let mut done = 0;
    for _ in 0..CLAIMS {
        let claim = db.store.system().claim_raw_events(CLAIM, &clock).await.unwrap();
        for event in &claim.events {
            let mut tx = db.store.tenant(event.account).await.unwrap();
            assert!(raw_events::finish(&mut tx, event.id, None, &clock).await.unwrap());
            tx.commit().await.unwrap();
            done += 1;
        }
        claim.release().await.unwrap();
    }
    assert_eq!(done, CLAIMS * CLAIM, "there was not enough to do");
    db.store.close().await;
    until_alone(&mut owner).await;
    let after: f64 = sqlx::query_scalar(read).fetch_one(&mut owner).await.unwrap();
    (after - before) / f64::from(done)
}

/// Counted in rows, not in seconds: those are the same on every machine.
#[tokio::test]
async fn fifty_thousand_waiting_events_cost_each_no_more_than_five_hundred_do() {
    let (few, many) = (reads_per_event(500).await, reads_per_event(50_000).await);
    assert!(few >= 4.0, "{few} are too few to be true: an event is read twice, each time by an index");
    // Other tests hold transactions open: versions that they may still see are passed over.
    assert!(many < few + 20.0, "an event costs {many} with 50,000 waiting, {few} with 500");
    assert!(many < 40.0, "an event costs {many}");
}
