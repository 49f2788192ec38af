//! Sign-ins, and the refresh tokens that keep them alive.
//!
//! Each token is good once. One that is used a second time was stolen, or its
//! successor was: nobody can tell which, so the whole sign-in ends.

use crate::{error::StoreError, tenant::TenantTx};
use common::{
    clock::Clock,
    id::{SessionId, UserId},
    token::REFRESH_TOKEN_TIME,
};
use sqlx::query;

/// The SHA-256 of a refresh token; the token itself is never stored.
pub type TokenHash = [u8; 32];

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
    clock: &dyn Clock,
) -> Result<SessionId, StoreError> {
    let id = SessionId::generate(clock);
    let account = tx.account_column();
    query!(
        "INSERT INTO sessions (account_id, id, user_id, created_at) VALUES ($1, $2, $3, $4)",
        account,
        id.as_uuid(),
        user.as_uuid(),
        clock.utc()
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

/// Ends the sign-in that a refresh token belongs to.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn revoke_by_token(
    tx: &mut TenantTx,
    token: &TokenHash,
    clock: &dyn Clock,
) -> Result<(), StoreError> {
    query!(
        "UPDATE sessions SET revoked_at = $2
         WHERE revoked_at IS NULL AND id = (SELECT session_id FROM refresh_tokens WHERE hash = $1)",
        token.as_slice(),
        clock.utc()
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}
