//! Addresses that are told about customers' messages by HTTP, and the telling.
//!
//! Deliveries are made by [`crate::outbox::append`] and taken by
//! [`crate::system::System::claim_deliveries`].

use crate::{
    column::{self, from_seq},
    error::{ChangeError, StoreError},
    outbox,
    seal::Place,
    system::ClaimedDelivery,
    tenant::TenantTx,
};
use common::{
    clock::Clock,
    id::{AccountId, WebhookId},
    protocol::inbox::{InboxEvent, Sequenced},
    secret::Secret,
};
use serde::{Deserialize, Serialize};
use sqlx::{query, query_as, types::Json};
use time::OffsetDateTime;
use uuid::Uuid;

/// What kind of receiver a webhook has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, sqlx::Type)]
#[serde(rename_all = "camelCase")]
#[sqlx(type_name = "text", rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum WebhookKind {
    /// A workflow of n8n, which checks a shared secret in a header. It is told what customers write,
    /// as a `UnifiedMessage`.
    N8n,
    /// Any program that checks the signatures of Standard Webhooks (standardwebhooks.com). It is told
    /// the events that it asks for.
    Standard,
}

/// Something that a webhook can be told about, by the name of its [`InboxEvent`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, sqlx::Type)]
#[serde(rename_all = "camelCase")]
#[sqlx(type_name = "text", rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum EventName {
    /// A message arrived or was written.
    MessageCreated,
    /// A message came further, or failed.
    MessageUpdated,
    /// A conversation changed otherwise.
    ConversationUpdated,
    /// An agent wrote a note.
    NoteCreated,
    /// A note was changed.
    NoteUpdated,
    /// A note was deleted.
    NoteDeleted,
    /// A conversation was forgotten with everything in it.
    ConversationErased,
}

/// A webhook. Its secret is never shown again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Webhook {
    /// UUIDv7: later ones sort later.
    pub id: WebhookId,
    /// What kind of receiver it has.
    pub kind: WebhookKind,
    /// Where is posted to.
    pub url: String,
    /// The header that carries the secret, for n8n.
    pub header: String,
    /// What it is told about.
    pub events: Vec<EventName>,
    /// When it was switched off: what happens meanwhile it is never told. Null while it is on.
    #[serde(with = "time::serde::rfc3339::option")]
    pub disabled_at: Option<OffsetDateTime>,
    /// Since when everything that it was to be told has failed; null while it takes what it is told. After
    /// several failures in a row it gets one delivery at a time, after a while.
    #[serde(with = "time::serde::rfc3339::option")]
    pub failing_since: Option<OffsetDateTime>,
}

/// What is changed about a webhook; `None` stays as it is.
#[derive(Debug, Clone, Copy, Default)]
pub struct WebhookChange<'a> {
    /// Where to post.
    pub url: Option<&'a str>,
    /// The shared secret.
    pub secret: Option<&'a Secret>,
    /// What it is told about from now on.
    pub events: Option<&'a [EventName]>,
    /// Whether it is on.
    pub enabled: Option<bool>,
}

/// A webhook to be created.
#[derive(Debug, Clone, Copy)]
pub struct NewWebhook<'a> {
    /// What it is told and how.
    pub kind: WebhookKind,
    /// Where to post.
    pub url: &'a str,
    /// The header that carries the secret.
    pub header: &'a str,
    /// The shared secret.
    pub secret: &'a Secret,
    /// What it is told about.
    pub events: &'a [EventName],
}

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
    /// What happened, as `inbox.event` tells it.
    #[cfg_attr(feature = "openapi", schema(value_type = Object))]
    pub event: InboxEvent,
}

/// Everything that one delivery needs.
#[derive(Debug, Clone)]
pub struct OutgoingDelivery {
    /// What kind of receiver it has.
    pub kind: WebhookKind,
    /// Where to post.
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
    pub event: Sequenced,
}

pub(crate) const fn place(account: AccountId, webhook: WebhookId) -> Place {
    Place { table: "webhooks", column: "secret", account, row: webhook.as_uuid() }
}

/// Creates a webhook, sealing its secret. It is told what happens from now on.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn create(
    tx: &mut TenantTx,
    webhook: &NewWebhook<'_>,
    clock: &dyn Clock,
) -> Result<Webhook, StoreError> {
    let id = WebhookId::generate(clock);
    let secret = tx.keyring().seal(place(tx.account(), id), webhook.secret)?;
    let account = tx.account_column();
    let found = query_as!(
        Webhook,
        r#"INSERT INTO webhooks (account_id, id, kind, url, header, secret, created_at, events)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
         RETURNING id, kind AS "kind: WebhookKind", url, header, events AS "events: Vec<EventName>", disabled_at, NULL::timestamptz AS failing_since"#,
        account,
        id.as_uuid(),
        webhook.kind as WebhookKind,
        &*column::text(webhook.url),
        &*column::text(webhook.header),
        secret,
        clock.utc(),
        webhook.events as &[EventName]
    )
    .fetch_one(tx.connection())
    .await?;
    Ok(found)
}

/// The account's webhooks in the order of their creation, those after `after`, at most `limit`.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn list(
    tx: &mut TenantTx,
    after: Option<WebhookId>,
    limit: u16,
) -> Result<Vec<Webhook>, StoreError> {
    let found = query_as!(
        Webhook,
        r#"SELECT id, kind AS "kind: WebhookKind", url, header, events AS "events: Vec<EventName>", disabled_at,
                (SELECT failing_since FROM delivery_queues WHERE webhook_id = webhooks.id) AS failing_since
         FROM webhooks WHERE id > $1 ORDER BY id LIMIT $2"#,
        after.map_or(Uuid::nil(), WebhookId::as_uuid),
        i64::from(limit)
    )
    .fetch_all(tx.connection())
    .await?;
    Ok(found)
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
        r#"SELECT w.kind AS "kind: WebhookKind", w.url, w.header, w.secret, o.created_at, o.event AS "event: Json<InboxEvent>"
           FROM webhook_deliveries d
           JOIN webhooks w ON w.id = d.webhook_id
           JOIN outbox o ON o.seq = d.seq
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
        event: Sequenced { seq, event: row.event.0 },
    }))
}

/// What became of an attempt.
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

/// Nobody has it any more. What was done meanwhile, because the webhook was switched off, stays so.
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

/// Nothing is tried until then; see [`FAILURES_MAX`].
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

/// Somebody did something about the webhook: what waits may be tried at once, if one at a time.
async fn unpause(tx: &mut TenantTx, webhook: WebhookId, clock: &dyn Clock) -> Result<(), StoreError> {
    query!("UPDATE delivery_queues SET held_until = '-infinity' WHERE webhook_id = $1", webhook.as_uuid())
        .execute(tx.connection())
        .await?;
    make_due_by(tx, webhook, clock.utc()).await
}

/// Somebody is to look at the webhook's deliveries, not later than that.
async fn make_due_by(
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

/// The webhook with this id.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn find(tx: &mut TenantTx, id: WebhookId) -> Result<Option<Webhook>, StoreError> {
    let found = query_as!(
        Webhook,
        r#"SELECT id, kind AS "kind: WebhookKind", url, header, events AS "events: Vec<EventName>", disabled_at,
                (SELECT failing_since FROM delivery_queues WHERE webhook_id = webhooks.id) AS failing_since
         FROM webhooks WHERE id = $1"#,
        id.as_uuid()
    )
    .fetch_optional(tx.connection())
    .await?;
    Ok(found)
}

/// Changes a webhook, sealing a new secret under the newest key.
///
/// # Errors
/// [`ChangeError::NotFound`].
pub async fn update(
    tx: &mut TenantTx,
    id: WebhookId,
    change: &WebhookChange<'_>,
    clock: &dyn Clock,
) -> Result<Webhook, ChangeError> {
    // Whoever tells it of something now has finished, or has not begun.
    outbox::lock(tx).await?;
    let place = place(tx.account(), id);
    let secret = change.secret.map(|secret| tx.keyring().seal(place, secret)).transpose()?;
    let url = change.url.map(column::text);
    let row = query_as!(
        Webhook,
        r#"UPDATE webhooks SET url = coalesce($2, url), secret = coalesce($3, secret), events = coalesce($4, events),
                disabled_at = CASE WHEN $5 THEN NULL WHEN NOT $5 THEN coalesce(disabled_at, $6) ELSE disabled_at END
         WHERE id = $1
         RETURNING id, kind AS "kind: WebhookKind", url, header, events AS "events: Vec<EventName>", disabled_at,
                   (SELECT failing_since FROM delivery_queues WHERE webhook_id = webhooks.id) AS failing_since"#,
        id.as_uuid(),
        url.as_deref(),
        secret,
        change.events as Option<&[EventName]>,
        change.enabled,
        clock.utc()
    )
    .fetch_optional(tx.connection())
    .await?;
    if change.url.is_some() || change.secret.is_some() || change.enabled == Some(true) {
        // What failed may work now.
        unpause(tx, id, clock).await?;
    }
    if change.enabled == Some(false) {
        query!(
            "UPDATE webhook_deliveries SET done_at = $2, error = 'the webhook was switched off'
             WHERE webhook_id = $1 AND done_at IS NULL",
            id.as_uuid(),
            clock.utc()
        )
        .execute(tx.connection())
        .await?;
    }
    row.ok_or(ChangeError::NotFound)
}

/// Deletes a webhook with its deliveries, those that still wait too.
///
/// # Errors
/// [`ChangeError::NotFound`].
pub async fn delete(tx: &mut TenantTx, id: WebhookId) -> Result<(), ChangeError> {
    outbox::lock(tx).await?;
    // First the queue, then the deliveries, as whoever notes a failure does.
    query!("SELECT FROM delivery_queues WHERE webhook_id = $1 FOR UPDATE", id.as_uuid())
        .execute(tx.connection())
        .await?;
    let deleted = query!("DELETE FROM webhooks WHERE id = $1", id.as_uuid()).execute(tx.connection()).await?;
    if deleted.rows_affected() == 1 { Ok(()) } else { Err(ChangeError::NotFound) }
}

struct DeliveryRow {
    seq: i64,
    attempts: i32,
    due_at: OffsetDateTime,
    done_at: Option<OffsetDateTime>,
    answer_status: Option<i16>,
    error: Option<String>,
    event: Json<InboxEvent>,
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
                  o.event AS "event: Json<InboxEvent>"
           FROM webhook_deliveries d JOIN outbox o ON o.seq = d.seq
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
