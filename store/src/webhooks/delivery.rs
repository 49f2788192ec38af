//! Deliveries as they are shown, and made again on demand.

use super::{WebhookEvent, failing::unpause};
use crate::{
    column::{self, from_seq},
    error::StoreError,
    tenant::TenantTx,
};
use common::{clock::Clock, id::WebhookId};
use serde::{Deserialize, Serialize};
use sqlx::{query, query_as, types::Json};
use time::OffsetDateTime;

/// How a delivery stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum DeliveryState {
    /// It will be made, or made again.
    Waiting,
    /// It was taken.
    Taken,
    /// It was given up.
    GivenUp,
}

/// The telling of one event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Delivery {
    /// The event's number in the account's sequence.
    pub seq: u64,
    /// Whether it is still to be made.
    pub state: DeliveryState,
    /// How often it was tried since it was last wanted.
    pub attempts: u32,
    /// When it is tried next, while it waits.
    #[serde(with = "time::serde::rfc3339")]
    pub due_at: OffsetDateTime,
    /// When it was taken or given up.
    #[serde(with = "time::serde::rfc3339::option")]
    pub done_at: Option<OffsetDateTime>,
    /// The HTTP status of the last answer; null if there was none.
    pub answer_status: Option<u16>,
    /// Why the last attempt failed.
    pub error: Option<String>,
    /// What happened, as the webhook was told it.
    pub event: WebhookEvent,
}

struct DeliveryRow {
    seq: i64,
    attempts: i32,
    due_at: OffsetDateTime,
    done_at: Option<OffsetDateTime>,
    answer_status: Option<i16>,
    error: Option<String>,
    event: Json<WebhookEvent>,
}

impl From<DeliveryRow> for Delivery {
    fn from(row: DeliveryRow) -> Self {
        let state = match (row.done_at, &row.error) {
            (None, _) => DeliveryState::Waiting,
            (Some(_), None) => DeliveryState::Taken,
            (Some(_), Some(_)) => DeliveryState::GivenUp,
        };
        Self {
            seq: column::to_seq(row.seq),
            state,
            attempts: column::to_count(row.attempts),
            due_at: row.due_at,
            done_at: row.done_at,
            answer_status: row.answer_status.and_then(|status| u16::try_from(status).ok()),
            error: row.error,
            event: row.event.0,
        }
    }
}

/// A webhook's deliveries, the latest first, those before `before`, at most `limit`.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn deliveries(
    tx: &mut TenantTx,
    webhook: WebhookId,
    before: Option<u64>,
    limit: u16,
) -> Result<Vec<Delivery>, StoreError> {
    let rows = query_as!(
        DeliveryRow,
        r#"SELECT d.seq, d.attempts - d.forgiven AS "attempts!", d.due_at, d.done_at, d.answer_status, d.error,
                  CASE w.subject WHEN 'inbox' THEN (SELECT o.event FROM outbox o WHERE o.seq = d.seq)
                       ELSE (SELECT r.event FROM room_events r WHERE r.seq = d.seq) END AS "event!: Json<WebhookEvent>"
           FROM webhook_deliveries d JOIN webhooks w ON w.id = d.webhook_id
           WHERE d.webhook_id = $1 AND d.seq < $2 ORDER BY d.seq DESC LIMIT $3"#,
        webhook.as_uuid(),
        before.map_or(i64::MAX, from_seq),
        i64::from(limit)
    )
    .fetch_all(tx.connection())
    .await?;
    Ok(rows.into_iter().map(Delivery::from).collect())
}

/// Makes a delivery again, whatever became of it; `None` if there is none such. One that is in flight is made again
/// after that: meanwhile it counts as in flight, however often it is wanted.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn replay(
    tx: &mut TenantTx,
    webhook: WebhookId,
    seq: u64,
    clock: &dyn Clock,
) -> Result<Option<Delivery>, StoreError> {
    // First the webhook, then the delivery, as whoever notes a failure does.
    unpause(tx, webhook, clock).await?;
    query!(
        "UPDATE webhook_deliveries SET done_at = NULL, error = NULL, answer_status = NULL, wanted_at = $3,
                forgiven = attempts, due_at = greatest($3, taken_until),
                taken_until = CASE WHEN taken_until > $3 THEN taken_until END
         WHERE webhook_id = $1 AND seq = $2",
        webhook.as_uuid(),
        from_seq(seq),
        clock.utc()
    )
    .execute(tx.connection())
    .await?;
    let found = deliveries(tx, webhook, Some(seq.saturating_add(1)), 1).await?;
    Ok(found.into_iter().find(|delivery| delivery.seq == seq))
}
