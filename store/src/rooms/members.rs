//! Who belongs to a room, and who was shown its door.

use crate::{
    error::{ChangeError, StoreError},
    tenant::TenantTx,
};
use common::{
    clock::Clock,
    id::{RoomId, UserId},
};
use sqlx::{query, query_scalar};
use time::OffsetDateTime;
use uuid::Uuid;

/// A room's members in the order of their ids, those after `after`, at most `limit`.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn members(
    tx: &mut TenantTx,
    room: RoomId,
    after: Option<UserId>,
    limit: u16,
) -> Result<Vec<UserId>, StoreError> {
    let ids = query_scalar!(
        "SELECT user_id FROM room_members WHERE room_id = $1 AND user_id > $2 ORDER BY user_id LIMIT $3",
        room.as_uuid(),
        after.map_or(Uuid::nil(), UserId::as_uuid),
        i64::from(limit)
    )
    .fetch_all(tx.connection())
    .await?;
    Ok(ids.into_iter().map(UserId::from_uuid).collect())
}

/// Makes a user a member. One who is a member stays one.
///
/// # Errors
/// [`ChangeError::Referenced`] if there is no such room.
pub async fn add_member(
    tx: &mut TenantTx,
    room: RoomId,
    user: UserId,
    clock: &dyn Clock,
) -> Result<(), ChangeError> {
    let account = tx.account_column();
    query!(
        "INSERT INTO room_members (account_id, room_id, user_id, created_at) VALUES ($1, $2, $3, $4)
         ON CONFLICT DO NOTHING",
        account,
        room.as_uuid(),
        user.as_uuid(),
        clock.utc()
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// Shows somebody the door: they are a member no longer, and join tokens from before are good no more.
///
/// # Errors
/// [`ChangeError::Referenced`] if there is no such room.
pub async fn remove(
    tx: &mut TenantTx,
    room: RoomId,
    user: UserId,
    clock: &dyn Clock,
) -> Result<(), ChangeError> {
    let account = tx.account_column();
    query!("DELETE FROM room_members WHERE room_id = $1 AND user_id = $2", room.as_uuid(), user.as_uuid())
        .execute(tx.connection())
        .await?;
    query!(
        "INSERT INTO room_removals (account_id, room_id, user_id, removed_at) VALUES ($1, $2, $3, $4)
         ON CONFLICT (account_id, room_id, user_id) DO UPDATE SET removed_at = excluded.removed_at",
        account,
        room.as_uuid(),
        user.as_uuid(),
        clock.utc()
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// Whether a user is a member.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn is_member(tx: &mut TenantTx, room: RoomId, user: UserId) -> Result<bool, StoreError> {
    let found = query_scalar!(
        r#"SELECT EXISTS (SELECT FROM room_members WHERE room_id = $1 AND user_id = $2) AS "found!""#,
        room.as_uuid(),
        user.as_uuid()
    )
    .fetch_one(tx.connection())
    .await?;
    Ok(found)
}

/// When somebody was last shown the door, if they were since tokens from before have expired.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn removed_at(
    tx: &mut TenantTx,
    room: RoomId,
    user: UserId,
) -> Result<Option<OffsetDateTime>, StoreError> {
    let at = query_scalar!(
        "SELECT removed_at FROM room_removals WHERE room_id = $1 AND user_id = $2",
        room.as_uuid(),
        user.as_uuid()
    )
    .fetch_optional(tx.connection())
    .await?;
    Ok(at)
}
