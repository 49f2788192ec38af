//! Files of messages that are to be removed from the storage.

use super::System;
use crate::error::StoreError;
use common::{
    clock::Clock,
    id::{AccountId, AttachmentId},
};
use sqlx::query;
use std::time::Duration;

impl System {
    /// Takes files whose time has come, at most `limit`, for `lease`: those of deleted messages and rooms, and those
    /// that were sent in none. From here on nobody sees or sends them.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn claim_attachments(
        &self,
        limit: u16,
        lease: Duration,
        clock: &dyn Clock,
    ) -> Result<Vec<(AccountId, AttachmentId)>, StoreError> {
        let now = clock.utc();
        // One that is just being sent is passed over, and does not wait any more when it is looked at again.
        let rows = query!(
            "UPDATE room_attachments AS a SET is_removed = true, remove_at = $2
             FROM (SELECT account_id, id FROM room_attachments WHERE remove_at <= $1
                   ORDER BY remove_at LIMIT $3 FOR UPDATE SKIP LOCKED) AS due
             WHERE a.account_id = due.account_id AND a.id = due.id
             RETURNING a.account_id, a.id",
            now,
            now + lease,
            i64::from(limit)
        )
        .fetch_all(&self.pool)
        .await?;
        let due = rows
            .into_iter()
            .map(|row| (AccountId::from_uuid(row.account_id), AttachmentId::from_uuid(row.id)));
        Ok(due.collect())
    }
}
