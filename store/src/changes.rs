//! The change feed: what changed in tables that clients may follow, numbered per account in the order of commit.
//!
//! Triggers record it (`sql/feed.sql`) while somebody follows; what is read here is read under Row-Level Security
//! like all else, into the type that the REST layer serves.

mod rows;

pub use rows::members;

use crate::{
    column::{Seq, from_seq, to_seq},
    connect::Store,
    error::StoreError,
    tenant::TenantTx,
};
use common::{
    clock::Clock,
    id::{AccountId, RowId},
    protocol::feed::{Operation, Table},
};
use serde_json::{Map, Value};
use sqlx::{postgres::PgListener, query, query_scalar, types::Json};
use std::time::Duration;
use uuid::Uuid;

/// How long changes are kept, and recorded after the last one who followed.
///
/// Longer lets clients resume that were away for longer; each change is a row.
pub const KEPT_FOR: Duration = Duration::from_secs(24 * 60 * 60);

/// A row was written or deleted.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// Its number in the account's changes, in the order of commit.
    pub seq: u64,
    /// The table whose row it is.
    pub table: Table,
    /// What happened.
    pub operation: Operation,
    /// The row's id.
    pub id: RowId,
    /// The row before: after an update the members that were different, after a deletion those that are ids.
    pub before: Map<String, Value>,
    /// The row after, as the REST layer serves it; empty if it is gone.
    pub after: Map<String, Value>,
}

/// Makes changes be recorded for [`KEPT_FOR`] from now on, and returns the number of the latest one.
///
/// Committed, it holds for every change that is committed later.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn follow(tx: &mut TenantTx) -> Result<u64, StoreError> {
    let account = tx.account_column();
    // Exclusive, while writers take it shared: a transaction that has looked whether anybody follows, and found
    // nobody, has committed before this one goes on. Without it, a change could be committed after the answer and
    // never be told.
    query!("SELECT pg_advisory_xact_lock(change_sequence_lock($1))", account)
        .execute(tx.connection())
        .await?;
    // A number is left out after a time in which nothing was recorded: who resumes across it sees the gap.
    let seq = query_scalar!(
        "INSERT INTO change_sequences AS sequence (account_id, last_seq, followed_until)
         VALUES ($1, 0, clock_timestamp() + make_interval(secs => $2))
         ON CONFLICT (account_id) DO UPDATE SET
             last_seq = sequence.last_seq + (sequence.followed_until < clock_timestamp())::integer,
             followed_until = excluded.followed_until
         RETURNING last_seq",
        account,
        KEPT_FOR.as_secs_f64()
    )
    .fetch_one(tx.connection())
    .await?;
    Ok(to_seq(seq))
}

/// The latest change's number.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn last_seq(tx: &mut TenantTx) -> Result<u64, StoreError> {
    let seq = query_scalar!("SELECT last_seq FROM change_sequences").fetch_optional(tx.connection()).await?;
    Ok(seq.map_or(0, to_seq))
}

/// The changes that follow number `seq`, in order, at most `limit`.
///
/// A row that this server cannot read, written by a newer or an older one, is left out: followers see the gap
/// in the numbers, and read again.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn after(tx: &mut TenantTx, seq: u64, limit: u32) -> Result<Vec<Change>, StoreError> {
    after_in(tx, seq, limit, |_| true).await
}

/// The same, with rows of those tables only that `wanted` names: of others it is known that they changed.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn after_in(
    tx: &mut TenantTx,
    seq: u64,
    limit: u32,
    wanted: impl Fn(Table) -> bool,
) -> Result<Vec<Change>, StoreError> {
    // All tables are read, and the choice is made here: numbers run through the account, and a follower of one table
    // must see that others have used some, or it would take them for a gap.
    let rows = query!(
        r#"SELECT seq AS "seq: Seq", table_name, operation, row_id, before AS "before: Json<Map<String, Value>>",
                  after AS "after: Json<Map<String, Value>>"
           FROM changes WHERE seq > $1 ORDER BY seq LIMIT $2"#,
        from_seq(seq),
        i64::from(limit)
    )
    .fetch_all(tx.connection())
    .await?;
    let changes = rows.into_iter().filter_map(|row| {
        let table = Table::parse_in_store(&row.table_name)?;
        let operation = Operation::parse(&row.operation)?;
        if !wanted(table) {
            let (before, after) = Default::default();
            return Some(Change {
                seq: row.seq.into(),
                table,
                operation,
                id: row.row_id.into(),
                before,
                after,
            });
        }
        let before = row.before.map(|Json(members)| members).unwrap_or_default();
        let after = row.after.map(|Json(members)| members).unwrap_or_default();
        let (before, after) = match operation {
            Operation::Insert => (before, rows::served(table, after)?),
            Operation::Update => rows::difference(table, before, after)?,
            Operation::Delete => (before, after),
        };
        Some(Change { seq: row.seq.into(), table, operation, id: row.row_id.into(), before, after })
    });
    Ok(changes.collect())
}

/// Forgets changes that are older than [`KEPT_FOR`].
///
/// # Errors
/// [`StoreError::Database`].
pub async fn prune(tx: &mut TenantTx, clock: &dyn Clock) -> Result<(), StoreError> {
    query!("DELETE FROM changes WHERE at < $1", clock.utc() - KEPT_FOR).execute(tx.connection()).await?;
    Ok(())
}

/// Blanks what is recorded of these rows, which are being erased: that they are gone is all that is left.
pub(crate) async fn blank(tx: &mut TenantTx, rows: &[Uuid]) -> Result<(), StoreError> {
    // Blanked, not deleted: the numbers stay without gaps, so nobody who resumes reads everything again because
    // somebody else was forgotten.
    query!(
        "UPDATE changes SET operation = 'delete', before = NULL, after = NULL WHERE row_id = ANY ($1)",
        rows
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// Hears from the database which accounts have changes.
pub struct Listener(PgListener);

impl Listener {
    /// Listens, effective when this returns.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn start(store: &Store) -> Result<Self, StoreError> {
        let mut listener = PgListener::connect_with(store.app_pool()).await?;
        listener.listen("switchboard_changes").await?;
        Ok(Self(listener))
    }

    /// The next account that has changes; `None` if some may have gone unheard because the
    /// connection was lost. It is there again then.
    ///
    /// # Errors
    /// [`StoreError::Database`] while there is none.
    pub async fn next(&mut self) -> Result<Option<AccountId>, StoreError> {
        // `try_recv`, not `recv`: that one connects again in silence, and what was said in between would be missed by
        // everybody who follows.
        let Some(heard) = self.0.try_recv().await? else { return Ok(None) };
        Ok(heard.payload().parse().ok())
    }
}
