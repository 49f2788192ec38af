//! Recordings whose files are to be removed from the storage, or whose media node is gone.

use super::System;
use crate::{column::uuids, error::StoreError};
use common::{
    clock::Clock,
    id::{AccountId, NodeId, RecordingId},
};
use sqlx::query;
use std::time::Duration;

/// How long a recording has gone on before its node is missed: who has just begun to record may not be heard of yet.
const NODE_SILENCE: Duration = Duration::from_secs(2 * 60);

impl System {
    /// Takes removed recordings whose files are in the storage, at most `limit`, for `lease`.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn claim_recordings(
        &self,
        limit: u16,
        lease: Duration,
        clock: &dyn Clock,
    ) -> Result<Vec<(AccountId, RecordingId)>, StoreError> {
        let now = clock.utc();
        let rows = query!(
            "UPDATE recordings AS r SET remove_at = $2
             FROM (SELECT account_id, id FROM recordings WHERE remove_at <= $1
                   ORDER BY remove_at LIMIT $3 FOR UPDATE SKIP LOCKED) AS due
             WHERE r.account_id = due.account_id AND r.id = due.id
             RETURNING r.account_id, r.id",
            now,
            now + lease,
            i64::from(limit)
        )
        .fetch_all(&self.pool)
        .await?;
        let due = rows
            .into_iter()
            .map(|row| (AccountId::from_uuid(row.account_id), RecordingId::from_uuid(row.id)));
        Ok(due.collect())
    }

    /// Recordings that go on at none of the `living` media nodes were interrupted. Their files may still come, when a
    /// node starts where they lie.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn interrupt_recordings(
        &self,
        living: &[NodeId],
        clock: &dyn Clock,
    ) -> Result<u64, StoreError> {
        let done = query!(
            "UPDATE recordings SET status = 'interrupted'
             WHERE status = 'recording' AND started_at < $1 AND node_id <> ALL ($2)",
            clock.utc() - NODE_SILENCE,
            &uuids(living)
        )
        .execute(&self.pool)
        .await?;
        Ok(done.rows_affected())
    }
}
