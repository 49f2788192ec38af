//! What foreign keys read when a row is deleted that others could refer to: no statement shows it.

use crate::fixture::owner;
use store::testing::TestDatabase;

/// Whoever deletes a row makes Postgres look for rows that refer to it, in each table that could.
#[tokio::test]
async fn every_foreign_key_to_rows_that_may_be_deleted_has_an_index_to_be_checked_by() {
    let db = TestDatabase::create().await;
    let mut owner = owner(&db).await;
    let keys = "SELECT conrelid, confrelid, conname, conkey FROM pg_constraint
                WHERE contype = 'f' AND connamespace = 'public'::regnamespace
                  AND has_table_privilege('switchboard_app', confrelid, 'DELETE')";
    let all: i64 = sqlx::query_scalar(sqlx::AssertSqlSafe(format!("SELECT count(*) FROM ({keys}) k")))
        .fetch_one(&mut owner)
        .await
        .unwrap();
    assert!(all > 15, "only {all} keys were found");
    // An index that begins with the key's columns, or with the one that is not the account.
    let unindexed: Vec<String> = sqlx::query_scalar(sqlx::AssertSqlSafe(format!(
        "SELECT conrelid::regclass || '.' || conname FROM ({keys}) k
         WHERE NOT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = k.conrelid
             AND ((i.indkey::smallint[])[0:1] @> k.conkey OR (i.indkey::smallint[])[0] = k.conkey[2]))
         ORDER BY 1"
    )))
    .fetch_all(&mut owner)
    .await
    .unwrap();
    assert_eq!(unindexed, Vec::<String>::new());
}
