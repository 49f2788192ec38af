//! One attempt of a delivery: its input, and its outcome.

use super::{SequencedEvent, WebhookEvent, WebhookKind, failing::make_due_by, place};
use crate::{
    column::{self, from_seq},
    error::StoreError,
    system::ClaimedDelivery,
    tenant::TenantTx,
};
use common::{clock::Clock, id::WebhookId, secret::Secret};
use sqlx::{query, types::Json};
use time::OffsetDateTime;

/// Everything that one delivery needs.
#[derive(Debug, Clone)]
pub struct OutgoingDelivery {
    /// What kind of receiver it has.
    pub kind: WebhookKind,
    /// The URL that deliveries are posted to.
    pub url: String,
    /// The header that carries the secret.
    pub header: String,
    /// The shared secret.
    pub secret: Secret,
    /// When it happened.
    pub happened_at: OffsetDateTime,
    /// The time of this attempt, for its signature.
    pub signed_at: OffsetDateTime,
    /// What happened.
    pub event: SequencedEvent,
}

/// Reads a delivery that is still to be made; `None` if it is done already.
///
/// # Errors
/// [`StoreError::Unsealable`] or [`StoreError::Database`].
pub async fn open_delivery(
    tx: &mut TenantTx,
    webhook: WebhookId,
    seq: u64,
    clock: &dyn Clock,
) -> Result<Option<OutgoingDelivery>, StoreError> {
    let Some(row) = query!(
        r#"SELECT w.kind AS "kind: WebhookKind", w.url, w.header, w.secret,
                  coalesce(o.created_at, r.created_at) AS "created_at!",
                  coalesce(o.event, r.event) AS "event!: Json<WebhookEvent>"
           FROM webhook_deliveries d
           JOIN webhooks w ON w.id = d.webhook_id
           LEFT JOIN outbox o ON o.seq = d.seq AND w.subject = 'inbox'
           LEFT JOIN room_events r ON r.seq = d.seq AND w.subject = 'rooms'
           WHERE d.webhook_id = $1 AND d.seq = $2 AND (d.done_at IS NULL)::integer = 1"#,
        webhook.as_uuid(),
        from_seq(seq)
    )
    .fetch_optional(tx.connection())
    .await?
    else {
        return Ok(None);
    };
    let secret = tx.keyring().open(place(tx.account(), webhook), &row.secret)?;
    Ok(Some(OutgoingDelivery {
        kind: row.kind,
        url: row.url,
        header: row.header,
        secret,
        happened_at: row.created_at,
        signed_at: clock.utc(),
        event: SequencedEvent { seq, event: row.event.0 },
    }))
}

/// The outcome of an attempt.
#[derive(Debug, Clone, Copy)]
pub struct Attempt<'a> {
    /// The HTTP status that was answered.
    pub answer_status: Option<u16>,
    /// Why it failed; `None` if it was taken.
    pub error: Option<&'a str>,
}

/// A delivery is done: taken, or given up with an error. If somebody wants it made again by now, it is not: it is
/// due at once, and is found when its webhook is named as freed. If another sender has it, what became of this
/// attempt changes nothing.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn finish_delivery(
    tx: &mut TenantTx,
    claim: &ClaimedDelivery,
    outcome: &Attempt<'_>,
    clock: &dyn Clock,
) -> Result<(), StoreError> {
    record_attempt(tx, claim, outcome, Some(clock.utc()), None).await
}

/// A delivery failed for now: try again at `due_at`, or at once if somebody wants it made again by now.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn postpone_delivery(
    tx: &mut TenantTx,
    claim: &ClaimedDelivery,
    outcome: &Attempt<'_>,
    due_at: OffsetDateTime,
) -> Result<(), StoreError> {
    record_attempt(tx, claim, outcome, None, Some(due_at)).await?;
    make_due_by(tx, claim.webhook, due_at).await
}

/// Gives the delivery back. If it was finished meanwhile, because the webhook was switched off, it stays finished.
async fn record_attempt(
    tx: &mut TenantTx,
    claim: &ClaimedDelivery,
    outcome: &Attempt<'_>,
    done_at: Option<OffsetDateTime>,
    due_at: Option<OffsetDateTime>,
) -> Result<(), StoreError> {
    let error = outcome.error.map(column::text);
    query!(
        "UPDATE webhook_deliveries SET taken_until = NULL,
                done_at = CASE WHEN wanted_at = $8 THEN coalesce(done_at, $5) ELSE done_at END,
                due_at = CASE WHEN wanted_at = $8 THEN coalesce($6, due_at) ELSE wanted_at END,
                error = CASE WHEN done_at IS NULL THEN $3 ELSE error END,
                answer_status = CASE WHEN done_at IS NULL THEN $4 ELSE answer_status END
         WHERE webhook_id = $1 AND seq = $2 AND attempts = $7",
        claim.webhook.as_uuid(),
        from_seq(claim.seq),
        error.as_deref(),
        outcome.answer_status.and_then(|status| i16::try_from(status).ok()),
        done_at,
        due_at,
        i32::try_from(claim.number()).unwrap_or(i32::MAX),
        claim.wanted_at
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}
