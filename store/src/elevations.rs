//! Times in which a user may do more, on another's word. They end by themselves.

use crate::{
    column::{Count, OptionalId},
    error::StoreError,
    tenant::TenantTx,
};
use common::{
    clock::Clock,
    id::{ElevationId, UserId},
    permission::Permissions,
};
use serde::{Deserialize, Serialize};
use sqlx::{query, query_as, query_scalar};
use std::time::Duration;
use time::OffsetDateTime;
use uuid::Uuid;

/// How long a request waits to be decided on.
///
/// Longer would let somebody agree to what has been forgotten.
pub const DECIDED_WITHIN: Duration = Duration::from_secs(24 * 60 * 60);

/// Requests of one user that may wait at once.
pub const PENDING_MAX: i64 = 10;

/// An elevation to be asked for.
#[derive(Debug, Clone, Copy)]
pub struct NewElevation<'a> {
    /// The user who may do more.
    pub user: UserId,
    /// What the role is called.
    pub role_name: &'a str,
    /// What it allows.
    pub permissions: Permissions,
    /// Why it is needed.
    pub reason: &'a str,
    /// For how long, once somebody agrees.
    pub minutes: u16,
}

/// A time in which a user may do more, or a request for one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Elevation {
    /// UUIDv7: later ones sort later.
    pub id: ElevationId,
    /// Who asked.
    pub user_id: UserId,
    /// What the role was called when it was asked for.
    pub role_name: String,
    /// What it allowed then; nothing else is given.
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<common::permission::Permission>))]
    pub permissions: Permissions,
    /// Why it is needed.
    pub reason: String,
    /// For how many minutes it was asked.
    pub minutes: u32,
    /// When it was asked for.
    #[serde(with = "time::serde::rfc3339")]
    pub requested_at: OffsetDateTime,
    /// Who agreed or refused; null until then.
    pub decided_by: Option<UserId>,
    /// When that was.
    #[serde(with = "time::serde::rfc3339::option")]
    pub decided_at: Option<OffsetDateTime>,
    /// Until when it lasts; null unless somebody agreed.
    #[serde(with = "time::serde::rfc3339::option")]
    pub expires_at: Option<OffsetDateTime>,
    /// When it was ended before that.
    #[serde(with = "time::serde::rfc3339::option")]
    pub ended_at: Option<OffsetDateTime>,
}

/// Asks for more; `None` if too many of the user's requests wait already.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn request(
    tx: &mut TenantTx,
    new: &NewElevation<'_>,
    clock: &dyn Clock,
) -> Result<Option<Elevation>, StoreError> {
    let (account, now) = (tx.account_column(), clock.utc());
    let waiting = query_scalar!(
        r#"SELECT count(*) AS "count!" FROM elevations
           WHERE user_id = $1 AND decided_at IS NULL AND requested_at > $2"#,
        new.user.as_uuid(),
        now - DECIDED_WITHIN
    )
    .fetch_one(tx.connection())
    .await?;
    if waiting >= PENDING_MAX {
        return Ok(None);
    }
    let row = query_as!(
        Elevation,
        r#"INSERT INTO elevations (account_id, id, user_id, role_name, permissions, reason, minutes, requested_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
         RETURNING id, user_id, role_name, permissions, reason, minutes AS "minutes: Count", requested_at,
                   decided_by AS "decided_by!: OptionalId", decided_at, expires_at, ended_at"#,
        account,
        ElevationId::generate(clock).as_uuid(),
        new.user.as_uuid(),
        &*crate::column::text(new.role_name),
        &new.permissions.names(),
        &*crate::column::text(new.reason),
        i32::from(new.minutes),
        now
    )
    .fetch_one(tx.connection())
    .await?;
    Ok(Some(row))
}

/// The elevation with this id; others wait for this transaction to decide on it.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn lock(tx: &mut TenantTx, id: ElevationId) -> Result<Option<Elevation>, StoreError> {
    let row = query_as!(
        Elevation,
        r#"SELECT id, user_id, role_name, permissions, reason, minutes AS "minutes: Count", requested_at,
                decided_by AS "decided_by!: OptionalId", decided_at, expires_at, ended_at
         FROM elevations WHERE id = $1 FOR UPDATE"#,
        id.as_uuid()
    )
    .fetch_optional(tx.connection())
    .await?;
    Ok(row)
}

/// The account's elevations, or those of one user, the latest first, those before `before`, at most `limit`.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn list(
    tx: &mut TenantTx,
    user: Option<UserId>,
    before: Option<ElevationId>,
    limit: u16,
) -> Result<Vec<Elevation>, StoreError> {
    let rows = query_as!(
        Elevation,
        r#"SELECT id, user_id, role_name, permissions, reason, minutes AS "minutes: Count", requested_at,
                decided_by AS "decided_by!: OptionalId", decided_at, expires_at, ended_at
         FROM elevations WHERE id < $1 AND ($2::uuid IS NULL OR user_id = $2) ORDER BY id DESC LIMIT $3"#,
        before.map_or(Uuid::max(), ElevationId::as_uuid),
        user.map(UserId::as_uuid),
        i64::from(limit)
    )
    .fetch_all(tx.connection())
    .await?;
    Ok(rows)
}

/// Decides on one that the transaction holds: until `expires_at`, or not at all.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn decide(
    tx: &mut TenantTx,
    id: ElevationId,
    by: UserId,
    expires_at: Option<OffsetDateTime>,
    clock: &dyn Clock,
) -> Result<(), StoreError> {
    query!(
        "UPDATE elevations SET decided_by = $2, decided_at = $3, expires_at = $4 WHERE id = $1",
        id.as_uuid(),
        by.as_uuid(),
        clock.utc(),
        expires_at
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// Ends one that the transaction holds.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn end(tx: &mut TenantTx, id: ElevationId, clock: &dyn Clock) -> Result<(), StoreError> {
    query!("UPDATE elevations SET ended_at = $2 WHERE id = $1", id.as_uuid(), clock.utc())
        .execute(tx.connection())
        .await?;
    Ok(())
}

/// The permissions that a user has now beyond their role, and the time until which all of them last; `None` if there
/// are none.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn active(
    tx: &mut TenantTx,
    user: UserId,
    clock: &dyn Clock,
) -> Result<Option<(Permissions, OffsetDateTime)>, StoreError> {
    let rows = query!(
        r#"SELECT permissions, expires_at AS "expires_at!" FROM elevations
           WHERE user_id = $1 AND expires_at > $2 AND ended_at IS NULL"#,
        user.as_uuid(),
        clock.utc()
    )
    .fetch_all(tx.connection())
    .await?;
    let all = rows.into_iter().map(|row| (Permissions::from_names(&row.permissions), row.expires_at));
    Ok(all.reduce(|(some, first), (more, second)| (some.or(more), first.min(second))))
}
