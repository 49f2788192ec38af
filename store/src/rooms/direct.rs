//! Rooms of two users: of each two there is one, whoever opens it, and however often.

use super::{Room, add_member};
use crate::{
    column::{self, Seq},
    error::{ChangeError, StoreError},
    tenant::TenantTx,
};
use common::{
    clock::Clock,
    id::{RoomId, UserId},
};
use serde::Serialize;
use sqlx::{query, query_as};
use std::collections::BTreeMap;

/// The other one of a direct room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DirectWith {
    /// The other user.
    pub user_id: UserId,
    /// The other user's name, by which the room is shown.
    pub name: String,
}

/// The room of these two, with everybody it has; created if there is none. Who opens it at the same moment waits, and
/// gets the same.
///
/// # Errors
/// [`ChangeError::Referenced`] if one of them is no user of the account.
pub async fn open_direct(
    tx: &mut TenantTx,
    (one, other): (UserId, UserId),
    name: &str,
    clock: &dyn Clock,
) -> Result<Room, ChangeError> {
    let (low, high) = if one < other { (one, other) } else { (other, one) };
    if let Some(room) = find(tx, low, high).await? {
        return Ok(room);
    }
    let account = tx.account_column();
    let created = query!(
        "INSERT INTO rooms (account_id, id, name, is_private, direct_low, direct_high, created_at)
         VALUES ($1, $2, $3, true, $4, $5, $6)
         ON CONFLICT (account_id, direct_low, direct_high) WHERE direct_low IS NOT NULL DO NOTHING
         RETURNING id",
        account,
        RoomId::generate(clock).as_uuid(),
        &*column::text(name),
        low.as_uuid(),
        high.as_uuid(),
        clock.utc()
    )
    .fetch_optional(tx.connection())
    .await?;
    if let Some(created) = created {
        for user in [low, high] {
            add_member(tx, created.id.into(), user, clock).await?;
        }
    }
    find(tx, low, high).await?.ok_or(ChangeError::NotFound)
}

async fn find(tx: &mut TenantTx, low: UserId, high: UserId) -> Result<Option<Room>, StoreError> {
    let room = query_as!(
        Room,
        r#"SELECT id, name, is_private, direct_low IS NOT NULL AS "is_direct!", closed_at, last_seq AS "last_seq: Seq"
           FROM rooms WHERE direct_low IS NOT NULL AND direct_low = $1 AND direct_high = $2"#,
        low.as_uuid(),
        high.as_uuid()
    )
    .fetch_optional(tx.connection())
    .await?;
    Ok(room)
}

/// Of those of these rooms that are direct rooms of `user`, the other one.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn direct_with(
    tx: &mut TenantTx,
    user: UserId,
    rooms: &[RoomId],
) -> Result<BTreeMap<RoomId, DirectWith>, StoreError> {
    let rows = query!(
        r#"SELECT room.id, other.id AS user_id, other.name
           FROM rooms AS room
           JOIN users AS other
               ON other.id = CASE room.direct_low WHEN $2 THEN room.direct_high ELSE room.direct_low END
           WHERE room.id = ANY ($1) AND (room.direct_low = $2 OR room.direct_high = $2)"#,
        &column::uuids(rooms),
        user.as_uuid()
    )
    .fetch_all(tx.connection())
    .await?;
    let with = rows.into_iter();
    Ok(with.map(|row| (row.id.into(), DirectWith { user_id: row.user_id.into(), name: row.name })).collect())
}
