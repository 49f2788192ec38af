//! Webhooks that fail again and again: they are slowed down, and what they were to be told is given up in the end.

use crate::{column, error::StoreError, tenant::TenantTx};
use common::{clock::Clock, id::WebhookId};
use sqlx::query;
use time::OffsetDateTime;

/// How many attempts in a row may fail before a webhook gets one delivery at a time, after a while.
///
/// More gives a receiver that stumbles more chances at full speed; fewer takes places sooner from one that
/// is dead.
pub const FAILURES_MAX: u32 = 5;

/// How a webhook fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Failing {
    /// How many attempts failed in a row.
    pub failures: u32,
    /// Since when none succeeded.
    pub since: OffsetDateTime,
}

/// An attempt failed, for whatever reason that is not the delivery's own.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn note_failure(
    tx: &mut TenantTx,
    webhook: WebhookId,
    clock: &dyn Clock,
) -> Result<Failing, StoreError> {
    let now = clock.utc();
    let row = query!(
        r#"UPDATE delivery_queues SET failures = failures + 1, failing_since = coalesce(failing_since, $2)
           WHERE webhook_id = $1 RETURNING failures, failing_since AS "since!""#,
        webhook.as_uuid(),
        now
    )
    .fetch_optional(tx.connection())
    .await?;
    Ok(row.map_or(Failing { failures: 0, since: now }, |row| Failing {
        failures: column::to_count(row.failures),
        since: row.since,
    }))
}

/// An attempt succeeded: the webhook gets its deliveries at full speed.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn note_success(tx: &mut TenantTx, webhook: WebhookId) -> Result<(), StoreError> {
    query!(
        "UPDATE delivery_queues SET failures = 0, failing_since = NULL, held_until = '-infinity'
         WHERE webhook_id = $1 AND failures > 0",
        webhook.as_uuid()
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// Pauses a webhook: nothing is tried until `until`; see [`FAILURES_MAX`].
///
/// # Errors
/// [`StoreError::Database`].
pub async fn pause_until(
    tx: &mut TenantTx,
    webhook: WebhookId,
    until: OffsetDateTime,
) -> Result<(), StoreError> {
    query!("UPDATE delivery_queues SET held_until = $2 WHERE webhook_id = $1", webhook.as_uuid(), until)
        .execute(tx.connection())
        .await?;
    Ok(())
}

/// Ends a pause after somebody changed the webhook: deliveries may be tried at once, if one at a time.
pub(super) async fn unpause(
    tx: &mut TenantTx,
    webhook: WebhookId,
    clock: &dyn Clock,
) -> Result<(), StoreError> {
    query!("UPDATE delivery_queues SET held_until = '-infinity' WHERE webhook_id = $1", webhook.as_uuid())
        .execute(tx.connection())
        .await?;
    make_due_by(tx, webhook, clock.utc()).await
}

/// Has a sender look at the webhook's deliveries at `due_at` at the latest.
pub(super) async fn make_due_by(
    tx: &mut TenantTx,
    webhook: WebhookId,
    due_at: OffsetDateTime,
) -> Result<(), StoreError> {
    query!(
        "SELECT expect_deliveries(account_id, webhook_id, $2) FROM delivery_queues WHERE webhook_id = $1",
        webhook.as_uuid(),
        due_at
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// How many deliveries are given up at once; see [`give_up_waiting`].
///
/// More clears away sooner what is told to a webhook that is dead; fewer takes less time of the database.
const GIVEN_UP_AT_ONCE: i64 = 5_000;

/// Gives up what the webhook was to be told by `before` and could not yet be tried again; how much.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn give_up_waiting(
    tx: &mut TenantTx,
    webhook: WebhookId,
    before: OffsetDateTime,
    clock: &dyn Clock,
) -> Result<u64, StoreError> {
    let account = tx.account_column();
    let given_up = query!(
        "WITH old AS MATERIALIZED (
             SELECT seq FROM webhook_deliveries
             WHERE account_id = $1 AND webhook_id = $2 AND done_at IS NULL AND due_at <= $3
             ORDER BY due_at, seq LIMIT $4 FOR NO KEY UPDATE SKIP LOCKED
         )
         UPDATE webhook_deliveries d SET done_at = $5, error = coalesce(error, 'the webhook failed for too long')
         FROM old WHERE d.account_id = $1 AND d.webhook_id = $2 AND d.seq = old.seq",
        account,
        webhook.as_uuid(),
        before,
        GIVEN_UP_AT_ONCE,
        clock.utc()
    )
    .execute(tx.connection())
    .await?;
    Ok(given_up.rows_affected())
}
