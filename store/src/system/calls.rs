//! Instances of the hub, and the calls of those that are gone.

use super::System;
use crate::{calls::Tenure, column::Seq, error::StoreError};
use common::id::{AccountId, CallId, NodeId};
use sqlx::{query, query_scalar};
use std::time::Duration;

/// How long an instance may be silent before its calls may be taken over, as [`System::silent_nodes`] has it.
///
/// Longer forgives longer pauses of an instance, or of its way to the database; shorter lets calls go on sooner after
/// it has died, which is to be within 5 s.
pub const NODE_SILENCE: Duration = Duration::from_secs(3);

impl System {
    /// An instance of the hub says that it is there.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn beat(&self, node: NodeId) -> Result<(), StoreError> {
        query!(
            "INSERT INTO hub_nodes (id, seen_at) VALUES ($1, clock_timestamp())
             ON CONFLICT (id) DO UPDATE SET seen_at = clock_timestamp()",
            node.as_uuid()
        )
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// An instance runs nothing any more: others may take its calls over at once.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn stop_beating(&self, node: NodeId) -> Result<(), StoreError> {
        query!("UPDATE hub_nodes SET seen_at = '-infinity' WHERE id = $1", node.as_uuid())
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// The instances that have stopped, or are silent for [`NODE_SILENCE`].
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn silent_nodes(&self) -> Result<Vec<NodeId>, StoreError> {
        let nodes = query_scalar!(
            "SELECT id FROM hub_nodes WHERE seen_at < clock_timestamp() - interval '3 seconds'"
        )
        .fetch_all(&self.pool)
        .await?;
        Ok(nodes.into_iter().map(NodeId::from_uuid).collect())
    }

    /// Calls that an instance runs by the store, at most `limit`, those after `after`.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn calls_of(
        &self,
        node: NodeId,
        after: Option<CallId>,
        limit: u16,
    ) -> Result<Vec<(AccountId, Tenure)>, StoreError> {
        let rows = query!(
            r#"SELECT account_id, id, epoch AS "epoch: Seq" FROM calls
               WHERE runner = $1 AND ended_at IS NULL
                 AND id > CASE WHEN $2::uuid IS NULL THEN '00000000-0000-0000-0000-000000000000' ELSE $2 END
               ORDER BY id LIMIT $3"#,
            node.as_uuid(),
            after.map(CallId::as_uuid),
            i64::from(limit)
        )
        .fetch_all(&self.pool)
        .await?;
        let of = |id, epoch: Seq| Tenure { call: CallId::from_uuid(id), epoch: epoch.into() };
        Ok(rows
            .into_iter()
            .map(|row| (AccountId::from_uuid(row.account_id), of(row.id, row.epoch)))
            .collect())
    }

    /// Forgets an instance that is gone and runs nothing.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn forget_node(&self, node: NodeId) -> Result<(), StoreError> {
        query!(
            "DELETE FROM hub_nodes WHERE id = $1 AND seen_at < clock_timestamp() - interval '1 minute'
               AND NOT EXISTS (SELECT FROM calls WHERE runner = $1 AND ended_at IS NULL)",
            node.as_uuid()
        )
        .execute(&self.pool)
        .await?;
        Ok(())
    }
}
