//! Sign-ins, and the refresh tokens that keep them alive.
//!
//! Each token is good once. One that is used a second time was stolen, or its
//! successor was: nobody can tell which, so the whole sign-in ends. For a moment,
//! and until its successor is used, it may also have been presented by a second
//! tab, or by a client that got no answer: such a one gets a successor too. Of all
//! successors of one token the first that is used replaces the others, so that a
//! thief who was quick is noticed when the second of them turns up.

use crate::{column, error::StoreError, tenant::TenantTx};
use common::{
    clock::Clock,
    id::{SignInId, UserId},
    token::REFRESH_TOKEN_TIME,
};
use sqlx::{query, query_scalar};
use std::{net::IpAddr, time::Duration};
use time::OffsetDateTime;

/// The SHA-256 of a refresh token; the token itself is never stored.
pub type TokenHash = [u8; 32];

/// The device of a sign-in.
#[derive(Debug, Clone, Copy, Default)]
pub struct Device<'a> {
    /// The network address.
    pub address: Option<IpAddr>,
    /// What the client calls itself.
    pub user_agent: Option<&'a str>,
}

/// A sign-in that is not over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignIn {
    /// UUIDv7 of the moment of signing in; the claim `sid` of its tokens.
    pub id: SignInId,
    /// When it began.
    pub created_at: OffsetDateTime,
    /// When it last got a new access token.
    pub last_used_at: OffsetDateTime,
    /// From where it began.
    pub address: Option<String>,
    /// What the client calls itself.
    pub user_agent: Option<String>,
}

/// The outcome of presenting a refresh token.
///
/// Commit the transaction whatever it is: a revocation must last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rotation {
    /// It was good, and is replaced by the new one.
    Rotated {
        /// The sign-in that goes on.
        sign_in: SignInId,
        /// The user who signed in.
        user: UserId,
    },
    /// It was used before, and not just now; the sign-in is revoked.
    Reused {
        /// The sign-in that is over.
        sign_in: SignInId,
    },
    /// Unknown, expired, or of a sign-in that is over.
    Invalid,
}

/// How long after its first use a refresh token may be presented again, unless a successor was used.
///
/// Longer forgives slower networks; shorter leaves less time to use a stolen token beside its owner.
pub const REUSE_GRACE: Duration = Duration::from_secs(10);

/// Successors that one token may have: tabs that refresh at once. One more counts as theft.
pub const SUCCESSORS_MAX: i64 = 10;

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
) -> Result<SignInId, StoreError> {
    let id = SignInId::generate(clock);
    let user_agent = device.user_agent.map(column::text);
    let account = tx.account_column();
    query!(
        "INSERT INTO sign_ins (account_id, id, user_id, created_at, last_used_at, address, user_agent)
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
    issue(tx, id, token, 0, clock).await?;
    Ok(id)
}

async fn issue(
    tx: &mut TenantTx,
    sign_in: SignInId,
    token: &TokenHash,
    generation: i32,
    clock: &dyn Clock,
) -> Result<(), StoreError> {
    let account = tx.account_column();
    query!(
        "INSERT INTO refresh_tokens (account_id, hash, sign_in_id, expires_at, generation)
         VALUES ($1, $2, $3, $4, $5)",
        account,
        token.as_slice(),
        sign_in.as_uuid(),
        clock.utc() + REFRESH_TOKEN_TIME,
        generation
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
    // Locked, and the sign-in with it: of all who present a token of it at once, one comes after the other.
    let Some(token) = query!(
        "SELECT t.sign_in_id, t.expires_at, t.used_at, t.generation, s.user_id, s.revoked_at
         FROM refresh_tokens t JOIN sign_ins s ON s.id = t.sign_in_id
         WHERE t.hash = $1
         FOR UPDATE",
        old.as_slice()
    )
    .fetch_optional(tx.connection())
    .await?
    else {
        return Ok(Rotation::Invalid);
    };
    // Of a sign-in that is over nothing needs to be told, so nothing more is looked at.
    if token.revoked_at.is_some() {
        return Ok(Rotation::Invalid);
    }
    let sign_in = SignInId::from_uuid(token.sign_in_id);
    let family = read_family(tx, sign_in, token.generation).await?;
    if (token.used_at.is_some() || family.is_replaced) && !family.is_in_grace(now) {
        revoke(tx, sign_in, clock).await?;
        return Ok(Rotation::Reused { sign_in });
    }
    if token.expires_at <= now {
        return Ok(Rotation::Invalid);
    }
    query!("UPDATE refresh_tokens SET used_at = coalesce(used_at, $2) WHERE hash = $1", old.as_slice(), now)
        .execute(tx.connection())
        .await?;
    query!("UPDATE sign_ins SET last_used_at = $2 WHERE id = $1", sign_in.as_uuid(), now)
        .execute(tx.connection())
        .await?;
    issue(tx, sign_in, new, token.generation + 1, clock).await?;
    Ok(Rotation::Rotated { sign_in, user: UserId::from_uuid(token.user_id) })
}

/// The tokens that replaced the same one, and those that replace them.
struct Family {
    /// When the first of them was used.
    used_at: Option<OffsetDateTime>,
    /// Whether there are successors.
    is_replaced: bool,
    /// How many, none of which was used, [`SUCCESSORS_MAX`] at most; `None` if one was.
    fresh_successors: Option<i64>,
}

impl Family {
    /// Whether one that is presented again is believed to be a second tab's, or to have had no answer.
    fn is_in_grace(&self, now: OffsetDateTime) -> bool {
        let lately = self.used_at.is_some_and(|at| now - at <= REUSE_GRACE);
        lately && self.fresh_successors.is_some_and(|count| count < SUCCESSORS_MAX)
    }
}

async fn read_family(tx: &mut TenantTx, sign_in: SignInId, generation: i32) -> Result<Family, StoreError> {
    // A successor that was used has successors of its own.
    let row = query!(
        r#"SELECT (SELECT min(used_at) FROM refresh_tokens WHERE sign_in_id = $1 AND generation = $2) AS used_at,
                  (SELECT count(*) FROM (SELECT FROM refresh_tokens
                                         WHERE sign_in_id = $1 AND generation = $3 LIMIT $4) s) AS "successors!",
                  EXISTS (SELECT FROM refresh_tokens
                          WHERE sign_in_id = $1 AND generation > $3) AS "has_later!""#,
        sign_in.as_uuid(),
        generation,
        generation.saturating_add(1),
        SUCCESSORS_MAX
    )
    .fetch_one(tx.connection())
    .await?;
    Ok(Family {
        used_at: row.used_at,
        is_replaced: row.successors > 0 || row.has_later,
        fresh_successors: (!row.has_later).then_some(row.successors),
    })
}

/// Ends a sign-in; nothing happens if it is over already.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn revoke(tx: &mut TenantTx, sign_in: SignInId, clock: &dyn Clock) -> Result<(), StoreError> {
    query!(
        "UPDATE sign_ins SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL",
        sign_in.as_uuid(),
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
pub async fn of_user(tx: &mut TenantTx, user: UserId, clock: &dyn Clock) -> Result<Vec<SignIn>, StoreError> {
    let rows = query!(
        "SELECT id, created_at, last_used_at, address, user_agent FROM sign_ins
         WHERE user_id = $1 AND revoked_at IS NULL AND last_used_at > $2
         ORDER BY last_used_at DESC, id DESC LIMIT 100",
        user.as_uuid(),
        clock.utc() - REFRESH_TOKEN_TIME
    )
    .fetch_all(tx.connection())
    .await?;
    let sign_in = rows.into_iter().map(|row| SignIn {
        id: SignInId::from_uuid(row.id),
        created_at: row.created_at,
        last_used_at: row.last_used_at,
        address: row.address,
        user_agent: row.user_agent,
    });
    Ok(sign_in.collect())
}

/// Ends one sign-in of this user; false if there is none such.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn revoke_of_user(
    tx: &mut TenantTx,
    user: UserId,
    sign_in: SignInId,
    clock: &dyn Clock,
) -> Result<bool, StoreError> {
    let done = query!(
        "UPDATE sign_ins SET revoked_at = $3 WHERE id = $1 AND user_id = $2 AND revoked_at IS NULL",
        sign_in.as_uuid(),
        user.as_uuid(),
        clock.utc()
    )
    .execute(tx.connection())
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Ends all sign-ins of this user but `except`; which there were.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn revoke_all(
    tx: &mut TenantTx,
    user: UserId,
    except: Option<SignInId>,
    clock: &dyn Clock,
) -> Result<Vec<SignInId>, StoreError> {
    let ended = query_scalar!(
        "UPDATE sign_ins SET revoked_at = $3
         WHERE user_id = $1 AND revoked_at IS NULL AND id IS DISTINCT FROM $2 RETURNING id",
        user.as_uuid(),
        except.map(SignInId::as_uuid),
        clock.utc()
    )
    .fetch_all(tx.connection())
    .await?;
    Ok(ended.into_iter().map(SignInId::from_uuid).collect())
}

/// Ends the sign-in that a refresh token belongs to; whose it was, if it was not over.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn revoke_by_token(
    tx: &mut TenantTx,
    token: &TokenHash,
    clock: &dyn Clock,
) -> Result<Option<(UserId, SignInId)>, StoreError> {
    let row = query!(
        "UPDATE sign_ins SET revoked_at = $2
         WHERE revoked_at IS NULL AND id = (SELECT sign_in_id FROM refresh_tokens WHERE hash = $1)
         RETURNING id, user_id",
        token.as_slice(),
        clock.utc()
    )
    .fetch_optional(tx.connection())
    .await?;
    Ok(row.map(|row| (UserId::from_uuid(row.user_id), SignInId::from_uuid(row.id))))
}
