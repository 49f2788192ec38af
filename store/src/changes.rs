//! The change feed: what changed in tables that clients may follow, numbered per account in the order of commit.
//!
//! Triggers record it (`migrations/0011_feed.sql`) while somebody follows; what is read here is read under
//! Row-Level Security like all else.

use crate::{
    column::{from_seq, to_seq},
    connect::Store,
    error::StoreError,
    tenant::TenantTx,
};
use common::{clock::Clock, id::AccountId, permission::Permission, protocol::feed::Operation};
use serde_json::{Map, Value};
use sqlx::{postgres::PgListener, query, query_scalar, types::Json};
use std::time::Duration;
use uuid::Uuid;

/// How long changes are kept, and recorded after the last one who followed.
///
/// Longer lets clients resume that were away for longer; each change is a row.
pub const KEPT_FOR: Duration = Duration::from_secs(24 * 60 * 60);

/// A table that clients may follow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// What one must be allowed to.
    pub permission: Permission,
    /// The members of its rows.
    pub members: Vec<String>,
}

/// A row was written or deleted.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// Its number.
    pub seq: u64,
    /// In which table.
    pub table: String,
    /// What happened.
    pub operation: Operation,
    /// The row's id.
    pub id: Uuid,
    /// As it was: of an update the members that were different, of a deletion those that are ids.
    pub before: Map<String, Value>,
    /// As it is; empty if it is gone.
    pub after: Map<String, Value>,
}

/// The table with this name, if clients may follow it.
///
/// # Errors
/// [`StoreError::Unreadable`] if its migration names no permission of ours, [`StoreError::Database`].
pub async fn source(tx: &mut TenantTx, table: &str) -> Result<Option<Source>, StoreError> {
    let found = query!(
        r#"SELECT split_part(encode(tgargs, 'escape'), '\000', 1) AS "permission!",
                  split_part(encode(tgargs, 'escape'), '\000', 2) AS "members!"
           FROM pg_trigger
           WHERE tgname = 'note_change'
             AND tgrelid = (SELECT oid FROM pg_class WHERE relname = $1 AND relnamespace = 'public'::regnamespace)"#,
        table
    )
    .fetch_optional(tx.connection())
    .await?;
    let Some(found) = found else { return Ok(None) };
    let permission =
        Permission::parse(&found.permission).ok_or(StoreError::Unreadable { column: "permission" })?;
    Ok(Some(Source { permission, members: found.members.split(',').map(str::to_owned).collect() }))
}

/// Has changes recorded for [`KEPT_FOR`] from now on, and tells the latest one's number.
///
/// Committed, it holds for every change that is committed later.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn follow(tx: &mut TenantTx) -> Result<u64, StoreError> {
    let account = tx.account_column();
    query!("SELECT pg_advisory_xact_lock(change_stream_lock($1))", account).execute(tx.connection()).await?;
    // A number is left out after a time in which nothing was recorded: who resumes across it sees the gap.
    let seq = query_scalar!(
        "INSERT INTO change_streams AS stream (account_id, last_seq, followed_until)
         VALUES ($1, 0, clock_timestamp() + make_interval(secs => $2))
         ON CONFLICT (account_id) DO UPDATE SET
             last_seq = stream.last_seq + (stream.followed_until < clock_timestamp())::integer,
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
    let seq = query_scalar!("SELECT last_seq FROM change_streams").fetch_optional(tx.connection()).await?;
    Ok(seq.map_or(0, to_seq))
}

/// The changes that follow number `seq`, in order, at most `limit`.
///
/// # Errors
/// [`StoreError::Unreadable`], [`StoreError::Database`].
pub async fn after(tx: &mut TenantTx, seq: u64, limit: u32) -> Result<Vec<Change>, StoreError> {
    let rows = query!(
        r#"SELECT seq, table_name, operation, row_id, before AS "before: Json<Map<String, Value>>",
                  after AS "after: Json<Map<String, Value>>"
           FROM changes WHERE seq > $1 ORDER BY seq LIMIT $2"#,
        from_seq(seq),
        i64::from(limit)
    )
    .fetch_all(tx.connection())
    .await?;
    let changes = rows.into_iter().map(|row| {
        Ok(Change {
            seq: to_seq(row.seq),
            table: row.table_name,
            operation: Operation::parse(&row.operation)
                .ok_or(StoreError::Unreadable { column: "operation" })?,
            id: row.row_id,
            before: row.before.map(|Json(members)| members).unwrap_or_default(),
            after: row.after.map(|Json(members)| members).unwrap_or_default(),
        })
    });
    changes.collect()
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
        let Some(heard) = self.0.try_recv().await? else { return Ok(None) };
        Ok(heard.payload().parse().ok())
    }
}
