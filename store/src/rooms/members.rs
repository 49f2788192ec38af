//! Members of rooms, and users who were removed from them.

use crate::{
    error::{ChangeError, StoreError},
    tenant::TenantTx,
};
use common::{
    clock::Clock,
    id::{RoomId, UserId},
    protocol::room::RemovalReason,
};
use sqlx::{query, query_scalar};
use time::OffsetDateTime;
use uuid::Uuid;

/// Somebody who was let into a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Visitor {
    /// Into which.
    pub room: RoomId,
    /// The user who may enter.
    pub user: UserId,
    /// When a guest's token was signed; `None` for a person of the account.
    pub guest_since: Option<OffsetDateTime>,
}

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

/// When somebody was last removed, if they were since tokens from before have expired.
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

/// Returns those of `visitors` who may not stay, each with the reason: the room is closed or deleted, a guest was
/// removed after their token was signed, or a person is no member of a private room.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn unwelcome(
    tx: &mut TenantTx,
    visitors: &[Visitor],
) -> Result<Vec<(Visitor, RemovalReason)>, StoreError> {
    let rooms: Vec<Uuid> = visitors.iter().map(|visitor| visitor.room.as_uuid()).collect();
    let users: Vec<Uuid> = visitors.iter().map(|visitor| visitor.user.as_uuid()).collect();
    let guests: Vec<Option<OffsetDateTime>> = visitors.iter().map(|visitor| visitor.guest_since).collect();
    let rows = query!(
        r#"SELECT here.room_id AS "room_id!", here.user_id AS "user_id!", here.guest_since,
                  room.id IS NULL AS "is_deleted!", room.closed_at IS NOT NULL AS "is_closed!"
           FROM unnest($1::uuid[], $2::uuid[], $3::timestamptz[]) AS here (room_id, user_id, guest_since)
           LEFT JOIN rooms AS room ON room.id = here.room_id
           WHERE room.id IS NULL OR room.closed_at IS NOT NULL
              OR CASE WHEN here.guest_since IS NOT NULL
                 THEN EXISTS (SELECT FROM room_removals AS shown
                              WHERE shown.room_id = here.room_id AND shown.user_id = here.user_id
                                AND shown.removed_at >= here.guest_since)
                 ELSE room.is_private
                      AND NOT EXISTS (SELECT FROM room_members AS member
                                      WHERE member.room_id = here.room_id AND member.user_id = here.user_id)
                 END"#,
        &rooms,
        &users,
        &guests as &[Option<OffsetDateTime>]
    )
    .fetch_all(tx.connection())
    .await?;
    let unwelcome = rows.into_iter().map(|row| {
        let (room, user) = (RoomId::from_uuid(row.room_id), UserId::from_uuid(row.user_id));
        let reason = match (row.is_deleted, row.is_closed) {
            (true, _) => RemovalReason::Deleted,
            (false, true) => RemovalReason::Closed,
            (false, false) => RemovalReason::Removed,
        };
        (Visitor { room, user, guest_since: row.guest_since }, reason)
    });
    Ok(unwelcome.collect())
}
