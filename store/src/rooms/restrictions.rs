//! Who may not say anything in a room, or not enter it.

use crate::{
    error::{ChangeError, StoreError},
    tenant::TenantTx,
};
use common::{
    clock::Clock,
    id::{RoomId, UserId},
};
use serde::Serialize;
use sqlx::{query, query_as};
use time::OffsetDateTime;
use uuid::Uuid;

/// A user or guest who may not do something in a room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Restriction {
    /// The user or guest.
    pub user_id: UserId,
    /// When it ends by itself; null if it does not.
    #[serde(with = "time::serde::rfc3339::option")]
    pub until: Option<OffsetDateTime>,
    /// Since when.
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
}

/// What somebody may not do in a room at some moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Restrictions {
    /// Whether they may not say anything.
    pub is_muted: bool,
    /// When that ends by itself, if it does.
    pub muted_until: Option<OffsetDateTime>,
    /// Whether they may not enter.
    pub is_banned: bool,
}

/// Keeps somebody from saying anything in a room; until then, or until it is ended. Replaces what was before.
///
/// # Errors
/// [`ChangeError::Referenced`] if there is no such room.
pub async fn mute(
    tx: &mut TenantTx,
    room: RoomId,
    user: UserId,
    until: Option<OffsetDateTime>,
    clock: &dyn Clock,
) -> Result<(), ChangeError> {
    let account = tx.account_column();
    query!(
        "INSERT INTO room_mutes (account_id, room_id, user_id, until, created_at) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (account_id, room_id, user_id) DO UPDATE SET until = excluded.until",
        account,
        room.as_uuid(),
        user.as_uuid(),
        until,
        clock.utc()
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// Lets them speak again; whether they were muted.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn unmute(tx: &mut TenantTx, room: RoomId, user: UserId) -> Result<bool, StoreError> {
    let ended =
        query!("DELETE FROM room_mutes WHERE room_id = $1 AND user_id = $2", room.as_uuid(), user.as_uuid())
            .execute(tx.connection())
            .await?;
    Ok(ended.rows_affected() > 0)
}

/// Keeps somebody out of a room until it is ended. That they are out, and a member no longer, is another matter.
///
/// # Errors
/// [`ChangeError::Referenced`] if there is no such room.
pub async fn ban(
    tx: &mut TenantTx,
    room: RoomId,
    user: UserId,
    clock: &dyn Clock,
) -> Result<(), ChangeError> {
    let account = tx.account_column();
    query!(
        "INSERT INTO room_bans (account_id, room_id, user_id, created_at) VALUES ($1, $2, $3, $4)
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

/// Lets them enter again, where they may otherwise; whether they were banned.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn unban(tx: &mut TenantTx, room: RoomId, user: UserId) -> Result<bool, StoreError> {
    let ended =
        query!("DELETE FROM room_bans WHERE room_id = $1 AND user_id = $2", room.as_uuid(), user.as_uuid())
            .execute(tx.connection())
            .await?;
    Ok(ended.rows_affected() > 0)
}

/// What somebody may not do in a room at this moment.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn restrictions(
    tx: &mut TenantTx,
    room: RoomId,
    user: UserId,
    now: OffsetDateTime,
) -> Result<Restrictions, StoreError> {
    let mute = query!(
        "SELECT until FROM room_mutes WHERE room_id = $1 AND user_id = $2 AND (until IS NULL OR until > $3)",
        room.as_uuid(),
        user.as_uuid(),
        now
    )
    .fetch_optional(tx.connection())
    .await?;
    let ban = query!(
        "SELECT created_at FROM room_bans WHERE room_id = $1 AND user_id = $2",
        room.as_uuid(),
        user.as_uuid()
    )
    .fetch_optional(tx.connection())
    .await?;
    Ok(Restrictions {
        is_muted: mute.is_some(),
        muted_until: mute.and_then(|mute| mute.until),
        is_banned: ban.is_some(),
    })
}

/// Who is muted in a room, in the order of their ids, those after `after`, at most `limit`.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn mutes(
    tx: &mut TenantTx,
    room: RoomId,
    after: Option<UserId>,
    limit: u16,
    now: OffsetDateTime,
) -> Result<Vec<Restriction>, StoreError> {
    let rows = query_as!(
        Restriction,
        "SELECT user_id, until, created_at FROM room_mutes
         WHERE room_id = $1 AND user_id > $2 AND (until IS NULL OR until > $4) ORDER BY user_id LIMIT $3",
        room.as_uuid(),
        after.map_or(Uuid::nil(), UserId::as_uuid),
        i64::from(limit),
        now
    )
    .fetch_all(tx.connection())
    .await?;
    Ok(rows)
}

/// Who is banned from a room, likewise.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn bans(
    tx: &mut TenantTx,
    room: RoomId,
    after: Option<UserId>,
    limit: u16,
) -> Result<Vec<Restriction>, StoreError> {
    let rows = query_as!(
        Restriction,
        r#"SELECT user_id, NULL::timestamptz AS until, created_at FROM room_bans
         WHERE room_id = $1 AND user_id > $2 ORDER BY user_id LIMIT $3"#,
        room.as_uuid(),
        after.map_or(Uuid::nil(), UserId::as_uuid),
        i64::from(limit)
    )
    .fetch_all(tx.connection())
    .await?;
    Ok(rows)
}
