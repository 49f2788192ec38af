//! Notifications that are due, whosever they are.

use super::System;
use crate::{column, error::StoreError};
use common::{
    clock::Clock,
    id::{AccountId, UserId},
};
use sqlx::query;
use std::time::Duration;
use uuid::Uuid;

/// A notification taken by one sender until its lease ends; see [`crate::notifications::open`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClaimedNotification {
    /// The account.
    pub account: AccountId,
    /// Whom it is for.
    pub user: UserId,
    /// A room or call.
    pub topic: Uuid,
    /// A push subscription or webhook.
    pub target: Uuid,
    /// Tells it from what takes its place.
    pub version: i64,
    /// The how manieth attempt this is, from 1.
    pub attempt: u32,
}

impl System {
    /// Takes notifications that are due, at most `limit`, of none of the accounts `busy`, for `lease`.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn claim_notifications(
        &self,
        limit: u16,
        busy: &[AccountId],
        lease: Duration,
        clock: &dyn Clock,
    ) -> Result<Vec<ClaimedNotification>, StoreError> {
        let now = clock.utc();
        let rows = query!(
            "UPDATE notifications n SET due_at = $4, attempts = n.attempts + 1
             FROM (SELECT account_id, user_id, topic, target_id FROM notifications
                   WHERE done_at IS NULL AND due_at <= $1 AND account_id <> ALL ($3)
                   ORDER BY due_at LIMIT $2 FOR UPDATE SKIP LOCKED) AS chosen
             WHERE n.account_id = chosen.account_id AND n.user_id = chosen.user_id AND n.topic = chosen.topic
               AND n.target_id = chosen.target_id
             RETURNING n.account_id, n.user_id, n.topic, n.target_id, n.version, n.attempts",
            now,
            i64::from(limit),
            &column::uuids(busy),
            now + lease
        )
        .fetch_all(&self.pool)
        .await?;
        let claims = rows.into_iter().map(|row| ClaimedNotification {
            account: row.account_id.into(),
            user: row.user_id.into(),
            topic: row.topic,
            target: row.target_id,
            version: row.version,
            attempt: column::to_count(row.attempts),
        });
        Ok(claims.collect())
    }
}
