//! Passwords of users: their hashes, and what wrong ones lead to.

use super::normal_email;
use crate::{
    error::{ChangeError, StoreError},
    sign_ins,
    tenant::TenantTx,
};
use common::{
    clock::Clock,
    id::{SignInId, UserId},
    secret::Secret,
};
use sqlx::{query, query_scalar};
use std::time::Duration;

/// Gives a user another password and ends all sign-ins but `except`: those that it returns.
///
/// # Errors
/// [`ChangeError::NotFound`].
pub async fn set_password(
    tx: &mut TenantTx,
    id: UserId,
    password_hash: &str,
    except: Option<SignInId>,
    clock: &dyn Clock,
) -> Result<Vec<SignInId>, ChangeError> {
    let done = query!("UPDATE users SET password_hash = $2 WHERE id = $1", id.as_uuid(), password_hash)
        .execute(tx.connection())
        .await?;
    if done.rows_affected() == 0 {
        return Err(ChangeError::NotFound);
    }
    Ok(sign_ins::revoke_all(tx, id, except, clock).await?)
}

/// Whether somebody of the account has this e-mail address.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn has_email(tx: &mut TenantTx, email: &str) -> Result<bool, StoreError> {
    let email = normal_email(email);
    let exists = query_scalar!(r#"SELECT EXISTS (SELECT FROM users WHERE email = $1) AS "exists!""#, email)
        .fetch_one(tx.connection())
        .await?;
    Ok(exists)
}

/// The hash of a user's password; `None` for users of an outside issuer.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn password_hash(tx: &mut TenantTx, id: UserId) -> Result<Option<Secret>, StoreError> {
    let hash = query_scalar!("SELECT password_hash FROM users WHERE id = $1", id.as_uuid())
        .fetch_optional(tx.connection())
        .await?;
    Ok(hash.flatten().map(Secret::new))
}

/// The hash of a user's password, if they may sign in; nobody can change that until `tx` ends, nor sign in as
/// the same user: who signs in may change the row, so two that only shared it would wait for each other.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn lock_for_sign_in(tx: &mut TenantTx, id: UserId) -> Result<Option<Secret>, StoreError> {
    let hash = query_scalar!(
        "SELECT password_hash FROM users WHERE id = $1 AND deactivated_at IS NULL FOR NO KEY UPDATE",
        id.as_uuid()
    )
    .fetch_optional(tx.connection())
    .await?;
    Ok(hash.flatten().map(Secret::new))
}

/// Wrong passwords in a row after which nobody may try for [`LOCK_TIME`].
pub const FAILURES_MAX: i32 = 20;

/// How long a lock lasts.
///
/// Longer makes guessing slower still, and lets anybody lock somebody out for longer.
pub const LOCK_TIME: Duration = Duration::from_secs(15 * 60);

/// Counts a wrong password; true if that locks the user.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn note_wrong_password(
    tx: &mut TenantTx,
    id: UserId,
    clock: &dyn Clock,
) -> Result<bool, StoreError> {
    let locked = query_scalar!(
        r#"UPDATE users SET
               failed_sign_ins = CASE WHEN failed_sign_ins + 1 >= $2 THEN 0 ELSE failed_sign_ins + 1 END,
               locked_until    = CASE WHEN failed_sign_ins + 1 >= $2 THEN $3 ELSE locked_until END
           WHERE id = $1 RETURNING failed_sign_ins = 0 AS "locked!""#,
        id.as_uuid(),
        FAILURES_MAX,
        clock.utc() + LOCK_TIME
    )
    .fetch_optional(tx.connection())
    .await?;
    Ok(locked.unwrap_or(false))
}

/// Forgets wrong passwords, because the last one was right, and lifts a lock.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn forgive_wrong_passwords(tx: &mut TenantTx, id: UserId) -> Result<(), StoreError> {
    query!(
        "UPDATE users SET failed_sign_ins = 0, locked_until = NULL
         WHERE id = $1 AND (failed_sign_ins > 0 OR locked_until IS NOT NULL)",
        id.as_uuid()
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}
