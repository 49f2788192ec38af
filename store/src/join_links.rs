//! Join links: whoever has one comes into its room as a guest. Only the tokens' hashes are kept.

use crate::{
    column::{Count, OptionalCount, Rights},
    error::{ChangeError, StoreError},
    tenant::TenantTx,
};
use common::{
    clock::Clock,
    guest::Right,
    id::{JoinLinkId, RoomId, UserId},
};
use serde::{Deserialize, Serialize};
use sqlx::{query, query_as};
use std::{collections::BTreeSet, time::Duration};
use time::OffsetDateTime;
use uuid::Uuid;

/// The SHA-256 of a join link's token.
pub type JoinLinkHash = [u8; 32];

/// How long a link is kept after its end, for whoever asks how somebody got in.
///
/// Longer answers later questions; shorter keeps the lists of rooms that many guests come into short.
pub const KEPT_FOR: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// A join link, without its token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct JoinLink {
    /// UUIDv7: later ones sort later.
    pub id: JoinLinkId,
    /// The room that it leads into.
    pub room_id: RoomId,
    /// The rights there of the guests who come by it.
    pub rights: BTreeSet<Right>,
    /// The user or API key that made it.
    pub created_by: UserId,
    /// When it was made.
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
    /// Until when guests may come by it.
    #[serde(with = "time::serde::rfc3339")]
    pub expires_at: OffsetDateTime,
    /// How many guests have come by it.
    pub uses: u32,
    /// How many may; null: any number.
    pub uses_max: Option<u32>,
    /// When it was taken back, by somebody or because its room was closed; null unless it was.
    #[serde(with = "time::serde::rfc3339::option")]
    pub revoked_at: Option<OffsetDateTime>,
}

impl JoinLink {
    /// Whether another guest may come by it.
    pub fn is_open(&self, now: OffsetDateTime) -> bool {
        let is_used_up = self.uses_max.is_some_and(|max| self.uses >= max);
        self.revoked_at.is_none() && self.expires_at > now && !is_used_up
    }
}

/// A join link to be made.
#[derive(Debug, Clone, Copy)]
pub struct NewJoinLink<'a> {
    /// The room that it leads into.
    pub room: RoomId,
    /// The rights there of the guests who come by it.
    pub rights: &'a BTreeSet<Right>,
    /// The token's hash.
    pub hash: &'a JoinLinkHash,
    /// Who makes it.
    pub created_by: UserId,
    /// For how long it is good.
    pub good_for: Duration,
    /// How many guests may come by it; `None`: any number.
    pub uses_max: Option<u16>,
}

/// Makes a join link.
///
/// # Errors
/// [`ChangeError::Referenced`] if the account has no such room.
pub async fn create(
    tx: &mut TenantTx,
    link: &NewJoinLink<'_>,
    clock: &dyn Clock,
) -> Result<JoinLink, ChangeError> {
    let account = tx.account_column();
    let rights: Vec<String> = link.rights.iter().map(|right| right.as_str().to_owned()).collect();
    let row = query_as!(
        JoinLink,
        r#"INSERT INTO join_links (account_id, id, room_id, rights, hash, created_by, created_at, expires_at, uses_max)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
         RETURNING id, room_id, rights AS "rights: Rights", created_by, created_at, expires_at, uses AS "uses: Count",
                uses_max AS "uses_max!: OptionalCount", revoked_at"#,
        account,
        JoinLinkId::generate(clock).as_uuid(),
        link.room.as_uuid(),
        &rights,
        link.hash.as_slice(),
        link.created_by.as_uuid(),
        clock.utc(),
        clock.utc() + link.good_for,
        link.uses_max.map(i32::from)
    )
    .fetch_one(tx.connection())
    .await?;
    Ok(row)
}

/// A room's links in the order of their creation, those after `after`, at most `limit`.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn list(
    tx: &mut TenantTx,
    room: RoomId,
    after: Option<JoinLinkId>,
    limit: u16,
) -> Result<Vec<JoinLink>, StoreError> {
    let found = query_as!(
        JoinLink,
        r#"SELECT id, room_id, rights AS "rights: Rights", created_by, created_at, expires_at, uses AS "uses: Count",
                uses_max AS "uses_max!: OptionalCount", revoked_at
         FROM join_links WHERE room_id = $1 AND id > $2 ORDER BY id LIMIT $3"#,
        room.as_uuid(),
        after.map_or(Uuid::nil(), JoinLinkId::as_uuid),
        i64::from(limit)
    )
    .fetch_all(tx.connection())
    .await?;
    Ok(found)
}

/// Takes a link of a room back; `None` if it has none such that was not taken back before.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn revoke(
    tx: &mut TenantTx,
    room: RoomId,
    id: JoinLinkId,
    clock: &dyn Clock,
) -> Result<Option<JoinLink>, StoreError> {
    let found = query_as!(
        JoinLink,
        r#"UPDATE join_links SET revoked_at = $3 WHERE room_id = $1 AND id = $2 AND revoked_at IS NULL
         RETURNING id, room_id, rights AS "rights: Rights", created_by, created_at, expires_at, uses AS "uses: Count",
                uses_max AS "uses_max!: OptionalCount", revoked_at"#,
        room.as_uuid(),
        id.as_uuid(),
        clock.utc()
    )
    .fetch_optional(tx.connection())
    .await?;
    Ok(found)
}

/// Takes all links of a room back.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn revoke_all(tx: &mut TenantTx, room: RoomId, at: OffsetDateTime) -> Result<(), StoreError> {
    query!(
        "UPDATE join_links SET revoked_at = $2 WHERE room_id = $1 AND revoked_at IS NULL",
        room.as_uuid(),
        at
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// The link with this token, whatever became of it.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn find(tx: &mut TenantTx, hash: &JoinLinkHash) -> Result<Option<JoinLink>, StoreError> {
    let found = query_as!(
        JoinLink,
        r#"SELECT id, room_id, rights AS "rights: Rights", created_by, created_at, expires_at, uses AS "uses: Count",
                uses_max AS "uses_max!: OptionalCount", revoked_at
         FROM join_links WHERE hash = $1"#,
        hash.as_slice()
    )
    .fetch_optional(tx.connection())
    .await?;
    Ok(found)
}

/// Counts a guest who comes by a link; `None` if it is over, was taken back, or enough guests have come by it.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn redeem(
    tx: &mut TenantTx,
    hash: &JoinLinkHash,
    clock: &dyn Clock,
) -> Result<Option<JoinLink>, StoreError> {
    let found = query_as!(
        JoinLink,
        r#"UPDATE join_links SET uses = uses + 1
         WHERE hash = $1 AND revoked_at IS NULL AND expires_at > $2 AND (uses_max IS NULL OR uses < uses_max)
         RETURNING id, room_id, rights AS "rights: Rights", created_by, created_at, expires_at, uses AS "uses: Count",
                uses_max AS "uses_max!: OptionalCount", revoked_at"#,
        hash.as_slice(),
        clock.utc()
    )
    .fetch_optional(tx.connection())
    .await?;
    Ok(found)
}

/// Forgets links that ended long ago.
pub(crate) async fn prune(tx: &mut TenantTx, now: OffsetDateTime) -> Result<(), StoreError> {
    query!("DELETE FROM join_links WHERE expires_at < $1", now - KEPT_FOR).execute(tx.connection()).await?;
    Ok(())
}
