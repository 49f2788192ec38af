//! The first minute of a database, in which Postgres has counted nothing yet.

use crate::fixture::{owner, reconnected, rows_read, said, tenant};
use sqlx::{AssertSqlSafe, Connection, Executor};
use store::{
    rooms::{self, Repeats},
    testing::TestDatabase,
};

/// Messages that are stored, one after the other.
const STORED: i64 = 20;

/// So few that Postgres, which takes a room for a two-hundredth of what is in its account and that for a two-hundredth
/// of all, expects a single one in the room.
const BEFORE: i64 = 20_000;

#[tokio::test]
async fn a_message_is_stored_without_a_look_at_all_before_it() {
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let a = tenant(&db, "a", &clock).await;
    let mut owner = owner(&db).await;
    owner.execute("ALTER TABLE room_messages SET (autovacuum_enabled = off)").await.unwrap();
    owner.execute("ANALYZE").await.unwrap();
    let messages = format!(
        "INSERT INTO room_messages (account_id, room_id, seq, id, user_id, user_name, client_id, text, created_at)
             SELECT '{}', '{}', last_seq + n, gen_random_uuid(), '{}', 'n', gen_random_uuid(), 't', now()
             FROM rooms, generate_series(1, {BEFORE}) n WHERE id = '{1}';
         UPDATE rooms SET last_seq = last_seq + {BEFORE} WHERE id = '{1}'",
        a.account, a.room, a.user
    );
    sqlx::raw_sql(AssertSqlSafe(messages)).execute(&mut owner).await.unwrap();
    owner.close().await.unwrap();
    db.store.close().await;
    let mut counter = crate::fixture::owner(&db).await;
    let before = rows_read(&mut counter, &["room_messages"]).await;
    let store = reconnected(&db).await;
    for _ in 0..STORED {
        let mut tx = store.tenant(a.account).await.unwrap();
        let new = [said(a.room, a.user, "x")];
        rooms::post(&mut tx, &new, Repeats::NotExpected, &clock).await.unwrap().unwrap();
        tx.commit().await.unwrap();
    }
    store.close().await;
    let read = rows_read(&mut counter, &["room_messages"]).await - before;
    assert!(read < 10 * STORED, "{read} rows were read for {STORED} messages");
}
