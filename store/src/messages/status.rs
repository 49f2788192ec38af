//! How far a message has come, folded from reports that arrive in any order, late, twice, or early.

use super::messages;
use crate::{
    column::{self, Named},
    error::StoreError,
    outbox,
    tenant::TenantTx,
};
use common::{
    clock::Clock,
    id::{ChannelId, MessageId},
    protocol::inbox::{DeliveryStatus, InboxEvent, Message},
};
use sqlx::{query, query_scalar};
use time::OffsetDateTime;

/// A channel's report about a message it was given.
#[derive(Debug, Clone, Copy)]
pub struct StatusReport<'a> {
    /// The channel that reports it.
    pub channel: ChannelId,
    /// The channel's id for the message.
    pub external_id: &'a str,
    /// How far it has come.
    pub status: DeliveryStatus,
    /// Why it failed, in the channel's words.
    pub error: Option<&'a str>,
    /// When that was, by the channel's clock.
    pub at: OffsetDateTime,
}

/// The outcome of applying a report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StatusOutcome {
    /// The message came further, and the inbox will be told.
    Advanced(Box<Message>),
    /// The message was there already, or further.
    Unchanged,
    /// No message has this id yet; the report waits for it.
    Parked,
}

/// The rank of a status. Proof of delivery outweighs a failure: whatever the
/// order of arrival, the same reports lead to the same status.
const fn weight(status: DeliveryStatus) -> u8 {
    match status {
        DeliveryStatus::Queued => 0,
        DeliveryStatus::Sent => 1,
        DeliveryStatus::Failed => 2,
        DeliveryStatus::Delivered => 3,
        DeliveryStatus::Read => 4,
    }
}

/// Applies a channel's report, or keeps it until the message is known by this id.
///
/// # Errors
/// [`StoreError::NoAccount`] or [`StoreError::Database`].
pub async fn apply_status(
    tx: &mut TenantTx,
    report: &StatusReport<'_>,
    clock: &dyn Clock,
) -> Result<StatusOutcome, StoreError> {
    // Under the lock that `sent` takes too. Without it, a report could find no message, `sent` could look for parked
    // reports and find none, and the report would then be parked with nobody left to adopt it.
    outbox::lock(tx).await?;
    let external_id = column::text(report.external_id);
    let known = query_scalar!(
        "SELECT id FROM messages WHERE channel_id = $1 AND external_id = $2",
        report.channel.as_uuid(),
        &*external_id
    )
    .fetch_optional(tx.connection())
    .await?;
    let Some(id) = known else {
        park(tx, report, &external_id).await?;
        return Ok(StatusOutcome::Parked);
    };
    match advance(tx, MessageId::from_uuid(id), report.status, report.error, report.at).await? {
        None => Ok(StatusOutcome::Unchanged),
        Some(message) => {
            outbox::append(tx, &InboxEvent::MessageUpdated { message: message.clone() }, clock).await?;
            Ok(StatusOutcome::Advanced(Box::new(message)))
        }
    }
}

/// The channel has accepted a reply under `external_id`: the work of sending it is done.
///
/// Reports that came before are applied now. `None` if there is no such message.
///
/// # Errors
/// [`StoreError::NoAccount`] or [`StoreError::Database`].
pub async fn sent(
    tx: &mut TenantTx,
    id: MessageId,
    external_id: &str,
    clock: &dyn Clock,
) -> Result<Option<Message>, StoreError> {
    outbox::lock(tx).await?;
    let external_id = column::text(external_id);
    let channel = query_scalar!(
        "UPDATE messages SET external_id = $2 WHERE id = $1 RETURNING channel_id",
        id.as_uuid(),
        &*external_id
    )
    .fetch_optional(tx.connection())
    .await?;
    let Some(channel) = channel else {
        return Ok(None);
    };
    // The work is done whatever the reports say: a reply that the channel has accepted is never sent again, even if it
    // failed later.
    finish_reply(tx, id, None, clock).await?;
    let mut latest = advance(tx, id, DeliveryStatus::Sent, None, clock.utc()).await?;
    // After our own `Sent`, so that of several changes the inbox is told the furthest one, once.
    if let Some(further) = adopt_parked(tx, ChannelId::from_uuid(channel), &external_id, id).await? {
        latest = Some(further);
    }
    publish_update(tx, id, latest, clock).await
}

/// The channel refused a reply for good: the work of sending it is done, the message failed.
///
/// `None` if there is no such message.
///
/// # Errors
/// [`StoreError::NoAccount`] or [`StoreError::Database`].
pub async fn refused(
    tx: &mut TenantTx,
    id: MessageId,
    error: &str,
    clock: &dyn Clock,
) -> Result<Option<Message>, StoreError> {
    outbox::lock(tx).await?;
    finish_reply(tx, id, Some(error), clock).await?;
    let latest = advance(tx, id, DeliveryStatus::Failed, Some(error), clock.utc()).await?;
    publish_update(tx, id, latest, clock).await
}

/// Tells the inbox of a change, if there was one.
async fn publish_update(
    tx: &mut TenantTx,
    id: MessageId,
    changed: Option<Message>,
    clock: &dyn Clock,
) -> Result<Option<Message>, StoreError> {
    match changed {
        None => super::find(tx, id).await,
        Some(message) => {
            outbox::append(tx, &InboxEvent::MessageUpdated { message: message.clone() }, clock).await?;
            Ok(Some(message))
        }
    }
}

async fn finish_reply(
    tx: &mut TenantTx,
    id: MessageId,
    error: Option<&str>,
    clock: &dyn Clock,
) -> Result<(), StoreError> {
    let error = error.map(column::text);
    // Written with `::integer`, the condition fits no partial index: the planner is left with the message's own row
    // and does not walk through all that is still to be done.
    query!(
        "UPDATE replies SET done_at = $2, error = $3, taken_until = NULL
         WHERE message_id = $1 AND (done_at IS NULL)::integer = 1",
        id.as_uuid(),
        clock.utc(),
        error.as_deref()
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

async fn park(tx: &mut TenantTx, report: &StatusReport<'_>, external_id: &str) -> Result<(), StoreError> {
    let account = tx.account_column();
    let error = report.error.map(column::text);
    query!(
        "INSERT INTO pending_statuses (account_id, channel_id, external_id, status, error, happened_at)
         VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING",
        account,
        report.channel.as_uuid(),
        external_id,
        report.status.as_str(),
        error.as_deref(),
        report.at
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// Applies what waited for a message; the message, if it came further by that.
async fn adopt_parked(
    tx: &mut TenantTx,
    channel: ChannelId,
    external_id: &str,
    id: MessageId,
) -> Result<Option<Message>, StoreError> {
    let parked = query!(
        r#"DELETE FROM pending_statuses WHERE channel_id = $1 AND external_id = $2
           RETURNING status AS "status: Named<DeliveryStatus>", error, happened_at"#,
        channel.as_uuid(),
        external_id
    )
    .fetch_all(tx.connection())
    .await?;
    let mut latest = None;
    for report in parked {
        let status = report.status.into();
        if let Some(message) = advance(tx, id, status, report.error.as_deref(), report.happened_at).await? {
            latest = Some(message);
        }
    }
    Ok(latest)
}

/// Moves a message on to `status` unless it is there already or further, and
/// notes the time in any case. The message, if it moved.
async fn advance(
    tx: &mut TenantTx,
    id: MessageId,
    status: DeliveryStatus,
    error: Option<&str>,
    at: OffsetDateTime,
) -> Result<Option<Message>, StoreError> {
    // Locked, because the comparison is made here and not in SQL: the order of statuses is said once, by `weight`.
    let current = query_scalar!(
        r#"SELECT status AS "status: Named<DeliveryStatus>" FROM messages WHERE id = $1 FOR NO KEY UPDATE"#,
        id.as_uuid()
    )
    .fetch_optional(tx.connection())
    .await?;
    let Some(current) = current else {
        return Ok(None);
    };
    // A report that does not move the message still brings its time, and `least` keeps the earliest where a channel
    // repeats itself; `least` passes over null.
    let moves = weight(status) > weight(current.into());
    let error = error.filter(|_| status == DeliveryStatus::Failed).map(column::text);
    let message = messages!(
        "UPDATE messages SET
             status = CASE WHEN $3 THEN $2 ELSE status END,
             error = CASE WHEN $3 THEN $4 ELSE error END,
             sent_at = CASE WHEN $2 = 'sent' THEN least(sent_at, $5) ELSE sent_at END,
             delivered_at = CASE WHEN $2 = 'delivered' THEN least(delivered_at, $5) ELSE delivered_at END,
             read_at = CASE WHEN $2 = 'read' THEN least(read_at, $5) ELSE read_at END,
             failed_at = CASE WHEN $2 = 'failed' THEN least(failed_at, $5) ELSE failed_at END
         WHERE id = $1
         RETURNING ",
        "",
        id.as_uuid(),
        status.as_str(),
        moves,
        error.as_deref(),
        at
    )
    .fetch_one(tx.connection())
    .await?;
    Ok(moves.then_some(message))
}
