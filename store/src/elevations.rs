//! Times in which a user may do more, on another's word. They end by themselves.

use crate::{column, error::StoreError, tenant::TenantTx};
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

/// How far an elevation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum ElevationStatus {
    /// Nobody has decided yet.
    Pending,
    /// Somebody agreed, and it lasts.
    Active,
    /// Somebody did not agree.
    Denied,
    /// Nobody decided within a day.
    Lapsed,
    /// Its time is over, or it was ended before.
    Over,
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
    /// How far it was when it was read.
    pub status: ElevationStatus,
    /// When it was asked for; nobody can agree a day later.
    #[serde(with = "time::serde::rfc3339")]
    pub requested_at: OffsetDateTime,
    /// Who agreed or refused; null until then.
    pub decided_by: Option<UserId>,
    /// When that was; null until then.
    #[serde(with = "time::serde::rfc3339::option")]
    pub decided_at: Option<OffsetDateTime>,
    /// Until when it lasts; null unless somebody agreed.
    #[serde(with = "time::serde::rfc3339::option")]
    pub expires_at: Option<OffsetDateTime>,
    /// When it was ended before that.
    #[serde(with = "time::serde::rfc3339::option")]
    pub ended_at: Option<OffsetDateTime>,
}

struct Row {
    id: Uuid,
    user_id: Uuid,
    role_name: String,
    permissions: Vec<String>,
    reason: String,
    minutes: i32,
    requested_at: OffsetDateTime,
    decided_by: Option<Uuid>,
    decided_at: Option<OffsetDateTime>,
    expires_at: Option<OffsetDateTime>,
    ended_at: Option<OffsetDateTime>,
}

impl Row {
    /// What it is at this time: requests lapse and elevations end without a change of the row.
    fn at(self, now: OffsetDateTime) -> Elevation {
        let status = match (self.decided_at, self.expires_at) {
            (None, _) if self.requested_at + DECIDED_WITHIN > now => ElevationStatus::Pending,
            (None, _) => ElevationStatus::Lapsed,
            (Some(_), None) => ElevationStatus::Denied,
            (Some(_), Some(until)) if self.ended_at.is_none() && until > now => ElevationStatus::Active,
            (Some(_), Some(_)) => ElevationStatus::Over,
        };
        Elevation {
            id: self.id.into(),
            user_id: self.user_id.into(),
            role_name: self.role_name,
            permissions: Permissions::from_names(&self.permissions),
            reason: self.reason,
            minutes: column::to_count(self.minutes),
            status,
            requested_at: self.requested_at,
            decided_by: self.decided_by.map(Into::into),
            decided_at: self.decided_at,
            expires_at: self.expires_at,
            ended_at: self.ended_at,
        }
    }
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
    // One request of a user at a time, so that each counts those before it.
    query!("SELECT FROM users WHERE id = $1 FOR NO KEY UPDATE", new.user.as_uuid())
        .execute(tx.connection())
        .await?;
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
        Row,
        r#"INSERT INTO elevations (account_id, id, user_id, role_name, permissions, reason, minutes, requested_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
         RETURNING id, user_id, role_name, permissions, reason, minutes, requested_at,
                   decided_by, decided_at, expires_at, ended_at"#,
        account,
        ElevationId::generate(clock).as_uuid(),
        new.user.as_uuid(),
        &*column::text(new.role_name),
        &new.permissions.names(),
        &*column::text(new.reason),
        i32::from(new.minutes),
        now
    )
    .fetch_one(tx.connection())
    .await?;
    Ok(Some(row.at(now)))
}

/// The elevation with this id; others wait for this transaction to decide on it.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn lock(
    tx: &mut TenantTx,
    id: ElevationId,
    clock: &dyn Clock,
) -> Result<Option<Elevation>, StoreError> {
    let row = query_as!(
        Row,
        r#"SELECT id, user_id, role_name, permissions, reason, minutes, requested_at,
                decided_by, decided_at, expires_at, ended_at
         FROM elevations WHERE id = $1 FOR UPDATE"#,
        id.as_uuid()
    )
    .fetch_optional(tx.connection())
    .await?;
    Ok(row.map(|row| row.at(clock.utc())))
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
    clock: &dyn Clock,
) -> Result<Vec<Elevation>, StoreError> {
    let rows = query_as!(
        Row,
        r#"SELECT id, user_id, role_name, permissions, reason, minutes, requested_at,
                decided_by, decided_at, expires_at, ended_at
         FROM elevations WHERE id < $1 AND ($2::uuid IS NULL OR user_id = $2) ORDER BY id DESC LIMIT $3"#,
        before.map_or(Uuid::max(), ElevationId::as_uuid),
        user.map(UserId::as_uuid),
        i64::from(limit)
    )
    .fetch_all(tx.connection())
    .await?;
    let now = clock.utc();
    Ok(rows.into_iter().map(|row| row.at(now)).collect())
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

#[cfg(test)]
mod tests {
    use super::*;
    use common::clock::ManualClock;

    /// A request of now, with what became of it.
    fn asked(decided: bool, lasts: Option<Duration>, ended: bool) -> (Row, OffsetDateTime) {
        let clock = ManualClock::default();
        let now = clock.utc();
        let user = UserId::generate(&clock);
        let it = Row {
            id: ElevationId::generate(&clock).as_uuid(),
            user_id: user.as_uuid(),
            role_name: "ADMIN".to_owned(),
            permissions: Permissions::ALL.names(),
            reason: "a try".to_owned(),
            minutes: 10,
            requested_at: now,
            decided_by: decided.then_some(user.as_uuid()),
            decided_at: decided.then_some(now),
            expires_at: lasts.map(|time| now + time),
            ended_at: ended.then_some(now),
        };
        (it, now)
    }

    #[test]
    fn a_status_follows_from_what_happened_and_from_the_time() {
        let (minutes, none) = (Duration::from_secs(600), Duration::ZERO);
        let before = |time: Duration| time - Duration::from_nanos(1);
        for (decided, lasts, ended, after, status) in [
            (false, None, false, none, ElevationStatus::Pending),
            (false, None, false, before(DECIDED_WITHIN), ElevationStatus::Pending),
            (false, None, false, DECIDED_WITHIN, ElevationStatus::Lapsed),
            (true, None, false, none, ElevationStatus::Denied),
            (true, None, false, 2 * DECIDED_WITHIN, ElevationStatus::Denied),
            (true, Some(minutes), false, none, ElevationStatus::Active),
            (true, Some(minutes), false, before(minutes), ElevationStatus::Active),
            (true, Some(minutes), false, minutes, ElevationStatus::Over),
            (true, Some(minutes), true, none, ElevationStatus::Over),
            (true, Some(minutes), true, 2 * minutes, ElevationStatus::Over),
        ] {
            let (it, now) = asked(decided, lasts, ended);
            assert_eq!(it.at(now + after).status, status, "{after:?} after");
        }
    }
}
