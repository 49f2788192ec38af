//! Webhooks as they arrived, finished in the transaction that stores what they said.
//!
//! They are inserted and taken by [`crate::system`], before their account's
//! transaction begins.

use crate::{column, error::StoreError, tenant::TenantTx};
use common::{clock::Clock, id::RawEventId};
use sqlx::query;

/// Marks an event as processed, in the same transaction as its effects: both
/// last or neither does. False if it was processed already; then roll back.
///
/// With `left_out` it is kept with what of it has no effect, and why.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn finish(
    tx: &mut TenantTx,
    id: RawEventId,
    left_out: Option<&str>,
    clock: &dyn Clock,
) -> Result<bool, StoreError> {
    let left_out = left_out.map(column::text);
    // Said like this, it is not seen to fit the indexes of what waits: believed to be almost empty, one of them would be
    // read from one end to the other for every event of a backlog.
    let done = query!(
        "UPDATE raw_events SET processed_at = $2, attempts = attempts + 1, error = $3
         WHERE id = $1 AND (processed_at IS NULL)::integer = 1",
        id.as_uuid(),
        clock.utc(),
        left_out.as_deref()
    )
    .execute(tx.connection())
    .await?;
    Ok(done.rows_affected() == 1)
}
