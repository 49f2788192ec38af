//! The change feed as the database keeps it.

use crate::fixture::{owner, tenant};
use common::protocol::feed::Operation;
use sqlx::{AssertSqlSafe, Executor};
use std::collections::BTreeSet;
use store::{changes, labels, testing::TestDatabase};

/// Columns that are not for clients, by table. Sealed secrets and search indexes are left out by their type.
const HIDDEN: [(&str, &[&str]); 3] = [
    ("contacts", &["email_key", "phone_key"]),
    ("messages", &["metadata"]),
    ("users", &["password_hash", "failed_sign_ins", "locked_until"]),
];

fn camel(column: &str) -> String {
    let mut words = column.split('_');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |name, word| {
        let (initial, rest) = word.split_at(1);
        name + &initial.to_uppercase() + rest
    })
}

/// A column that was added later shows only if `feed` was said once more.
#[tokio::test]
async fn every_feed_shows_the_columns_that_its_table_has_today() {
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let a = tenant(&db, "a", &clock).await;
    let mut tx = db.store.tenant(a.account).await.unwrap();
    let columns: Vec<(String, String)> = sqlx::query_as(
        "SELECT c.relname::text, a.attname::text FROM pg_trigger t
         JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_attribute a ON a.attrelid = c.oid
         WHERE t.tgname = 'note_change' AND a.attnum > 0 AND NOT a.attisdropped AND a.attname <> 'account_id'
           AND a.atttypid NOT IN ('bytea'::regtype, 'tsvector'::regtype)",
    )
    .fetch_all(&mut owner(&db).await)
    .await
    .unwrap();
    let tables: BTreeSet<&String> = columns.iter().map(|(table, _)| table).collect();
    assert!(tables.len() >= 13, "{tables:?}");
    for table in tables {
        let hidden = HIDDEN.iter().find(|(name, _)| name == table).map_or(&[][..], |(_, hidden)| hidden);
        let shown =
            columns.iter().filter(|(name, column)| name == table && !hidden.contains(&column.as_str()));
        let shown: BTreeSet<String> = shown.map(|(_, column)| camel(column)).collect();
        let source = changes::source(&mut tx, table).await.unwrap().unwrap();
        assert_eq!(source.members.into_iter().collect::<BTreeSet<_>>(), shown, "{table}");
    }
    assert!(changes::source(&mut tx, "refresh_tokens").await.unwrap().is_none());
}

#[tokio::test]
async fn a_new_table_joins_by_one_line() {
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let a = tenant(&db, "a", &clock).await;
    db.as_owner(
        "CREATE TABLE widgets (account_id uuid NOT NULL REFERENCES accounts, id uuid NOT NULL, size_in_mm integer,
             PRIMARY KEY (account_id, id));
         SELECT protect('widgets');
         SELECT feed('widgets', 'rooms.read')",
    )
    .await;
    let mut tx = db.store.tenant(a.account).await.unwrap();
    let before = changes::last_seq(&mut tx).await.unwrap();
    assert_eq!(changes::source(&mut tx, "widgets").await.unwrap().unwrap().members, ["id", "sizeInMm"]);
    drop(tx);
    db.as_owner(&format!("INSERT INTO widgets VALUES ('{}', '{}', 7)", a.account, a.room)).await;
    let mut tx = db.store.tenant(a.account).await.unwrap();
    let change = changes::after(&mut tx, before, 10).await.unwrap().remove(0);
    assert_eq!(
        (change.table.as_str(), change.operation, change.seq),
        ("widgets", Operation::Insert, before + 1)
    );
    assert_eq!(change.after["sizeInMm"], 7);
}

#[tokio::test]
async fn what_is_rolled_back_or_followed_by_nobody_is_not_recorded() {
    let (db, clock) = (TestDatabase::create().await, TestDatabase::clock());
    let a = tenant(&db, "a", &clock).await;
    let mut tx = db.store.tenant(a.account).await.unwrap();
    let before = changes::last_seq(&mut tx).await.unwrap();
    labels::create(&mut tx, "gone", "#ffffff", &clock).await.unwrap();
    drop(tx);
    let lapse =
        format!("UPDATE change_streams SET followed_until = now() WHERE account_id = '{}'", a.account);
    owner(&db).await.execute(AssertSqlSafe(lapse)).await.unwrap();
    let mut tx = db.store.tenant(a.account).await.unwrap();
    labels::create(&mut tx, "unseen", "#ffffff", &clock).await.unwrap();
    tx.commit().await.unwrap();
    let mut tx = db.store.tenant(a.account).await.unwrap();
    assert!(changes::after(&mut tx, before, 10).await.unwrap().is_empty());
    // Whoever follows now sees that there was something.
    assert_eq!(changes::follow(&mut tx).await.unwrap(), before + 1);
}
