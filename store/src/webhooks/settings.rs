//! How webhooks are set up: created, changed, switched off, deleted.

use super::{EventName, Webhook, WebhookKind, WebhookSubject, failing::unpause, place};
use crate::{
    column,
    error::{ChangeError, StoreError},
    outbox, room_events,
    tenant::TenantTx,
};
use common::{clock::Clock, id::WebhookId, secret::Secret};
use sqlx::{query, query_as};
use uuid::Uuid;

/// A webhook to be created.
#[derive(Debug, Clone, Copy)]
pub struct NewWebhook<'a> {
    /// What it is told and how.
    pub kind: WebhookKind,
    /// The URL that deliveries are posted to.
    pub url: &'a str,
    /// The header that carries the secret.
    pub header: &'a str,
    /// The shared secret.
    pub secret: &'a Secret,
    /// What it is told about.
    pub events: &'a [EventName],
}

/// A change to a webhook; a member that is `None` stays as it is.
#[derive(Debug, Clone, Copy, Default)]
pub struct WebhookChange<'a> {
    /// The URL that deliveries are posted to.
    pub url: Option<&'a str>,
    /// The shared secret.
    pub secret: Option<&'a Secret>,
    /// What it is told about from now on.
    pub events: Option<&'a [EventName]>,
    /// Whether it is on.
    pub enabled: Option<bool>,
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
        r#"INSERT INTO webhooks (account_id, id, kind, url, header, secret, created_at, events, subject)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
         RETURNING id, kind AS "kind: WebhookKind", url, header, subject AS "subject: WebhookSubject", events AS "events: Vec<EventName>", disabled_at, NULL::timestamptz AS failing_since"#,
        account,
        id.as_uuid(),
        webhook.kind as WebhookKind,
        &*column::text(webhook.url),
        &*column::text(webhook.header),
        secret,
        clock.utc(),
        webhook.events as &[EventName],
        subject_of(webhook.events).unwrap_or(WebhookSubject::Inbox) as WebhookSubject
    )
    .fetch_one(tx.connection())
    .await?;
    Ok(found)
}

/// What these events are of; `None` if they have no number.
fn subject_of(events: &[EventName]) -> Option<WebhookSubject> {
    events.iter().find_map(|event| event.subject())
}

/// The webhook with this id.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn find(tx: &mut TenantTx, id: WebhookId) -> Result<Option<Webhook>, StoreError> {
    let found = query_as!(
        Webhook,
        r#"SELECT id, kind AS "kind: WebhookKind", url, header, subject AS "subject: WebhookSubject", events AS "events: Vec<EventName>", disabled_at,
                (SELECT failing_since FROM delivery_queues WHERE webhook_id = webhooks.id) AS failing_since
         FROM webhooks WHERE id = $1"#,
        id.as_uuid()
    )
    .fetch_optional(tx.connection())
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
        r#"SELECT id, kind AS "kind: WebhookKind", url, header, subject AS "subject: WebhookSubject", events AS "events: Vec<EventName>", disabled_at,
                (SELECT failing_since FROM delivery_queues WHERE webhook_id = webhooks.id) AS failing_since
         FROM webhooks WHERE id > $1 ORDER BY id LIMIT $2"#,
        after.map_or(Uuid::nil(), WebhookId::as_uuid),
        i64::from(limit)
    )
    .fetch_all(tx.connection())
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
    room_events::lock(tx).await?;
    let place = place(tx.account(), id);
    let secret = change.secret.map(|secret| tx.keyring().seal(place, secret)).transpose()?;
    let url = change.url.map(column::text);
    let row = query_as!(
        Webhook,
        r#"UPDATE webhooks SET url = coalesce($2, url), secret = coalesce($3, secret), events = coalesce($4, events),
                disabled_at = CASE WHEN $5 THEN NULL WHEN NOT $5 THEN coalesce(disabled_at, $6) ELSE disabled_at END
         WHERE id = $1
         RETURNING id, kind AS "kind: WebhookKind", url, header, subject AS "subject: WebhookSubject", events AS "events: Vec<EventName>", disabled_at,
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
        room_events::forget_unheard(tx).await?;
    }
    row.ok_or(ChangeError::NotFound)
}

/// Deletes a webhook with its deliveries, those that still wait too.
///
/// # Errors
/// [`ChangeError::NotFound`].
pub async fn delete(tx: &mut TenantTx, id: WebhookId) -> Result<(), ChangeError> {
    outbox::lock(tx).await?;
    room_events::lock(tx).await?;
    // First the queue, then the deliveries, as whoever notes a failure does.
    query!("SELECT FROM delivery_queues WHERE webhook_id = $1 FOR UPDATE", id.as_uuid())
        .execute(tx.connection())
        .await?;
    let deleted = query!("DELETE FROM webhooks WHERE id = $1", id.as_uuid()).execute(tx.connection()).await?;
    if deleted.rows_affected() == 0 {
        return Err(ChangeError::NotFound);
    }
    room_events::forget_unheard(tx).await?;
    Ok(())
}
