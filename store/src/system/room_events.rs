//! Whose media sessions are told of, and which of those that were told of need another look.

use super::System;
use crate::{column::uuids, error::StoreError, room_events::GRACE};
use common::{
    clock::Clock,
    id::{AccountId, NodeId, RoomId},
};
use sqlx::{query, query_scalar};
use std::collections::BTreeSet;

/// A session of which something was told that nobody confirms any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LostSession {
    /// Whose room it is.
    pub account: AccountId,
    /// Whose session.
    pub room: RoomId,
    /// The media node that told of it last.
    pub node: NodeId,
}

impl System {
    /// Those of the accounts that have a webhook which is told of rooms.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn told_of_rooms(&self, accounts: &[AccountId]) -> Result<BTreeSet<AccountId>, StoreError> {
        let found = query_scalar!(
            "SELECT DISTINCT account_id FROM webhooks
             WHERE account_id = ANY ($1) AND subject = 'rooms' AND disabled_at IS NULL",
            &uuids(accounts)
        )
        .fetch_all(&self.pool)
        .await?;
        Ok(found.into_iter().map(AccountId::from_uuid).collect())
    }

    /// Those of the sessions that go on at this node, of accounts that are told of rooms, which it has told nothing of; or
    /// another has told of them since.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn untold_sessions(
        &self,
        node: NodeId,
        going: &[(AccountId, RoomId)],
    ) -> Result<BTreeSet<RoomId>, StoreError> {
        let (accounts, rooms): (Vec<_>, Vec<_>) =
            going.iter().map(|(account, room)| (account.as_uuid(), room.as_uuid())).unzip();
        let found = query_scalar!(
            r#"SELECT here.room_id AS "room_id!" FROM unnest($1::uuid[], $2::uuid[]) AS here (account_id, room_id)
               WHERE account_id IN (
                   SELECT account_id FROM webhooks WHERE account_id = ANY ($1) AND subject = 'rooms' AND disabled_at IS NULL
               ) AND NOT EXISTS (
                   SELECT FROM told_sessions t
                   WHERE t.account_id = here.account_id AND t.room_id = here.room_id AND t.node_id = $3
               )"#,
            &accounts,
            &rooms,
            node.as_uuid()
        )
        .fetch_all(&self.pool)
        .await?;
        Ok(found.into_iter().map(RoomId::from_uuid).collect())
    }

    /// Sessions of which a node has told for [`GRACE`] that is not `living`; or this one has, which knows of others than
    /// these `rooms` nothing, or not of everybody who is told to be there.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn lost_sessions(
        &self,
        node: NodeId,
        living: &[NodeId],
        rooms: &[RoomId],
        clock: &dyn Clock,
    ) -> Result<Vec<LostSession>, StoreError> {
        let rows = query!(
            "SELECT account_id, room_id, node_id FROM told_sessions
             WHERE node_since <= $4
               AND (node_id <> ALL ($2) OR (node_id = $1 AND NOT (is_confirmed AND room_id = ANY ($3))))",
            node.as_uuid(),
            &uuids(living),
            &uuids(rooms),
            clock.utc() - GRACE
        )
        .fetch_all(&self.pool)
        .await?;
        let lost = rows.into_iter().map(|row| LostSession {
            account: AccountId::from_uuid(row.account_id),
            room: RoomId::from_uuid(row.room_id),
            node: NodeId::from_uuid(row.node_id),
        });
        Ok(lost.collect())
    }
}
