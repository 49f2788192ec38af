//! Sign-ins, and the refresh tokens that keep them alive.
//!
//! Each token is good once. One that is used a second time was stolen, or its
//! successor was: nobody can tell which, so the whole sign-in ends.

use crate::{column, error::StoreError, tenant::TenantTx};
use common::{
    clock::Clock,
    id::{SessionId, UserId},
    token::REFRESH_TOKEN_TIME,
};
use sqlx::{query, query_scalar};
use std::net::IpAddr;
use time::OffsetDateTime;

/// The SHA-256 of a refresh token; the token itself is never stored.
pub type TokenHash = [u8; 32];

/// Where a sign-in comes from.
#[derive(Debug, Clone, Copy, Default)]
pub struct Device<'a> {
    /// The network address.
    pub address: Option<IpAddr>,
    /// What the client calls itself.
    pub user_agent: Option<&'a str>,
}

/// A sign-in that is not over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Its id.
    pub id: SessionId,
    /// When it began.
    pub created_at: OffsetDateTime,
    /// When it last got a new access token.
    pub last_used_at: OffsetDateTime,
    /// From where it began.
    pub address: Option<String>,
    /// What the client calls itself.
    pub user_agent: Option<String>,
}

/// What became of a refresh token that was presented.
///
/// Commit the transaction whatever it is: a revocation must last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rotation {
    /// It was good, and is replaced by the new one.
    Rotated {
        /// The sign-in.
        session: SessionId,
        /// Whose it is.
        user: UserId,
    },
    /// It was used before; the sign-in is revoked now.
    Reused {
        /// The sign-in.
        session: SessionId,
    },
    /// Unknown, expired, or of a sign-in that is over.
    Invalid,
}

/// Records a sign-in and its first refresh token.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn start(
    tx: &mut TenantTx,
    user: UserId,
    token: &TokenHash,
    device: &Device<'_>,
    clock: &dyn Clock,
) -> Result<SessionId, StoreError> {
    let id = SessionId::generate(clock);
    let user_agent = device.user_agent.map(column::text);
    let account = tx.account_column();
    query!(
        "INSERT INTO sessions (account_id, id, user_id, created_at, last_used_at, address, user_agent)
         VALUES ($1, $2, $3, $4, $4, $5, $6)",
        account,
        id.as_uuid(),
        user.as_uuid(),
        clock.utc(),
        device.address.map(|address| address.to_string()),
        user_agent.as_deref()
    )
    .execute(tx.connection())
    .await?;
    issue(tx, id, token, clock).await?;
    Ok(id)
}

async fn issue(
    tx: &mut TenantTx,
    session: SessionId,
    token: &TokenHash,
    clock: &dyn Clock,
) -> Result<(), StoreError> {
    let account = tx.account_column();
    query!(
        "INSERT INTO refresh_tokens (account_id, hash, session_id, expires_at) VALUES ($1, $2, $3, $4)",
        account,
        token.as_slice(),
        session.as_uuid(),
        clock.utc() + REFRESH_TOKEN_TIME
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// Exchanges the token `old` for `new`.
///
/// # Errors
/// [`StoreError::Database`]; what is wrong with the token is said by [`Rotation`].
pub async fn rotate(
    tx: &mut TenantTx,
    old: &TokenHash,
    new: &TokenHash,
    clock: &dyn Clock,
) -> Result<Rotation, StoreError> {
    let now = clock.utc();
    // Locked, so that of two who present it at once only one is first.
    let Some(token) = query!(
        "SELECT t.session_id, t.expires_at, t.used_at, s.user_id, s.revoked_at
         FROM refresh_tokens t JOIN sessions s ON s.id = t.session_id
         WHERE t.hash = $1
         FOR UPDATE",
        old.as_slice()
    )
    .fetch_optional(tx.connection())
    .await?
    else {
        return Ok(Rotation::Invalid);
    };
    let session = SessionId::from_uuid(token.session_id);
    if token.used_at.is_some() {
        revoke(tx, session, clock).await?;
        return Ok(Rotation::Reused { session });
    }
    if token.revoked_at.is_some() || token.expires_at <= now {
        return Ok(Rotation::Invalid);
    }
    query!("UPDATE refresh_tokens SET used_at = $2 WHERE hash = $1", old.as_slice(), now)
        .execute(tx.connection())
        .await?;
    query!("UPDATE sessions SET last_used_at = $2 WHERE id = $1", session.as_uuid(), now)
        .execute(tx.connection())
        .await?;
    issue(tx, session, new, clock).await?;
    Ok(Rotation::Rotated { session, user: UserId::from_uuid(token.user_id) })
}

/// Ends a sign-in; nothing happens if it is over already.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn revoke(tx: &mut TenantTx, session: SessionId, clock: &dyn Clock) -> Result<(), StoreError> {
    query!(
        "UPDATE sessions SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL",
        session.as_uuid(),
        clock.utc()
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// A user's sign-ins that are not over and still have a good token, the latest first.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn of_user(tx: &mut TenantTx, user: UserId, clock: &dyn Clock) -> Result<Vec<Session>, StoreError> {
    let rows = query!(
        "SELECT id, created_at, last_used_at, address, user_agent FROM sessions
         WHERE user_id = $1 AND revoked_at IS NULL AND last_used_at > $2
         ORDER BY last_used_at DESC, id DESC LIMIT 100",
        user.as_uuid(),
        clock.utc() - REFRESH_TOKEN_TIME
    )
    .fetch_all(tx.connection())
    .await?;
    let session = rows.into_iter().map(|row| Session {
        id: SessionId::from_uuid(row.id),
        created_at: row.created_at,
        last_used_at: row.last_used_at,
        address: row.address,
        user_agent: row.user_agent,
    });
    Ok(session.collect())
}

/// Ends one sign-in of this user; false if there is none such.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn revoke_of_user(
    tx: &mut TenantTx,
    user: UserId,
    session: SessionId,
    clock: &dyn Clock,
) -> Result<bool, StoreError> {
    let done = query!(
        "UPDATE sessions SET revoked_at = $3 WHERE id = $1 AND user_id = $2 AND revoked_at IS NULL",
        session.as_uuid(),
        user.as_uuid(),
        clock.utc()
    )
    .execute(tx.connection())
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Ends all sign-ins of this user but `except`; how many there were.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn revoke_all(
    tx: &mut TenantTx,
    user: UserId,
    except: Option<SessionId>,
    clock: &dyn Clock,
) -> Result<u64, StoreError> {
    let done = query!(
        "UPDATE sessions SET revoked_at = $3
         WHERE user_id = $1 AND revoked_at IS NULL AND id IS DISTINCT FROM $2",
        user.as_uuid(),
        except.map(SessionId::as_uuid),
        clock.utc()
    )
    .execute(tx.connection())
    .await?;
    Ok(done.rows_affected())
}

/// Ends the sign-in that a refresh token belongs to; whose it was, if it was not over.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn revoke_by_token(
    tx: &mut TenantTx,
    token: &TokenHash,
    clock: &dyn Clock,
) -> Result<Option<(UserId, SessionId)>, StoreError> {
    let row = query!(
        "UPDATE sessions SET revoked_at = $2
         WHERE revoked_at IS NULL AND id = (SELECT session_id FROM refresh_tokens WHERE hash = $1)
         RETURNING id, user_id",
        token.as_slice(),
        clock.utc()
    )
    .fetch_optional(tx.connection())
    .await?;
    Ok(row.map(|row| (UserId::from_uuid(row.user_id), SessionId::from_uuid(row.id))))
}

/// Whether a sign-in was ended.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn is_over(tx: &mut TenantTx, session: SessionId) -> Result<bool, StoreError> {
    let over = query_scalar!(
        r#"SELECT revoked_at IS NOT NULL AS "over!" FROM sessions WHERE id = $1"#,
        session.as_uuid()
    )
    .fetch_optional(tx.connection())
    .await?;
    Ok(over.unwrap_or(false))
}
