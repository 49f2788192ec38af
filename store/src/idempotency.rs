//! Requests that may be sent again: done once, answered the same.

use crate::{error::StoreError, seal::Place, tenant::TenantTx};
use common::{clock::Clock, id::ActorId, secret::Secret};
use sqlx::query;

/// A request that carries a key of its sender's.
#[derive(Debug, Clone, Copy)]
pub struct Keyed<'a> {
    /// Whose key: two actors' keys are different keys.
    pub actor: ActorId,
    /// The client's `Idempotency-Key`, unique per caller.
    pub key: &'a str,
    /// SHA-256 of everything that makes it this request.
    pub fingerprint: [u8; 32],
}

/// An answer that was given.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The answer as it was given; it may show a secret that is shown once.
    pub body: Secret,
}

/// The state of a keyed request.
#[derive(Debug)]
pub enum Claim {
    /// It is new: do it, and [`record_answer`] in the same transaction.
    New,
    /// It was done.
    Done(Answer),
    /// The key was used for another request.
    Mismatch,
}

pub(crate) const fn place(tx: &TenantTx, actor: ActorId) -> Place {
    Place { table: "idempotent_requests", column: "answer", account: tx.account(), row: actor.as_uuid() }
}

/// Takes the key until the transaction ends, or tells what was answered.
///
/// If two requests claim a key at once, the second waits for the first.
///
/// # Errors
/// [`StoreError::Database`] or [`StoreError::Unsealable`].
pub async fn claim(tx: &mut TenantTx, keyed: &Keyed<'_>, clock: &dyn Clock) -> Result<Claim, StoreError> {
    let account = tx.account_column();
    // The unique index is the lock: of two requests with one key the second waits here until the first has committed
    // its answer, or has rolled back and left the key to it.
    let inserted = query!(
        "INSERT INTO idempotent_requests (account_id, actor_id, key, fingerprint, created_at)
         VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING",
        account,
        keyed.actor.as_uuid(),
        keyed.key,
        keyed.fingerprint.as_slice(),
        clock.utc()
    )
    .execute(tx.connection())
    .await?;
    if inserted.rows_affected() == 1 {
        return Ok(Claim::New);
    }
    // A second statement: at READ COMMITTED it sees what was committed during the wait.
    let row = query!(
        "SELECT fingerprint, status, answer FROM idempotent_requests WHERE actor_id = $1 AND key = $2",
        keyed.actor.as_uuid(),
        keyed.key
    )
    .fetch_one(tx.connection())
    .await?;
    if row.fingerprint != keyed.fingerprint {
        return Ok(Claim::Mismatch);
    }
    // A claim without an answer is never committed: both are written in one transaction, with the work itself.
    let (Some(status), Some(answer)) = (row.status, row.answer) else {
        return Err(StoreError::Unreadable { column: "answer" });
    };
    let body = tx.keyring().open(place(tx, keyed.actor), &answer)?;
    Ok(Claim::Done(Answer { status: u16::try_from(status).unwrap_or(500), body }))
}

/// Keeps the answer to a request that was [`Claim::New`].
///
/// # Errors
/// [`StoreError::Database`] or [`StoreError::Unsealable`].
pub async fn record_answer(tx: &mut TenantTx, keyed: &Keyed<'_>, answer: &Answer) -> Result<(), StoreError> {
    // Sealed: an answer may show an API key or a webhook's secret, which the store holds nowhere in the clear.
    let sealed = tx.keyring().seal(place(tx, keyed.actor), &answer.body)?;
    query!(
        "UPDATE idempotent_requests SET status = $3, answer = $4 WHERE actor_id = $1 AND key = $2",
        keyed.actor.as_uuid(),
        keyed.key,
        i16::try_from(answer.status).unwrap_or(i16::MAX),
        sealed
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}
