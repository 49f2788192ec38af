//! Addresses that are told about customers' messages by HTTP, and the telling.
//!
//! Deliveries are made by [`crate::outbox::append`] and taken by
//! [`crate::system::System::claim_deliveries`].

use crate::{
    column::{self, from_seq},
    error::StoreError,
    seal::Place,
    tenant::TenantTx,
};
use common::{
    clock::Clock,
    id::{AccountId, WebhookId},
    protocol::inbox::{InboxEvent, Sequenced},
    secret::Secret,
};
use sqlx::{query, query_as, types::Json};
use time::OffsetDateTime;
use uuid::Uuid;

/// What kind of receiver a webhook has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WebhookKind {
    /// A workflow of n8n, which checks a shared secret in a header.
    N8n,
}

impl WebhookKind {
    /// The kind's name on the wire and in the store.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::N8n => "n8n",
        }
    }

    /// The kind with this name.
    pub fn parse(name: &str) -> Option<Self> {
        (name == "n8n").then_some(Self::N8n)
    }
}

/// A webhook, without its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    /// Its id.
    pub id: WebhookId,
    /// Its kind.
    pub kind: WebhookKind,
    /// Where to post.
    pub url: String,
    /// The header that carries the secret.
    pub header: String,
}

/// A webhook to be created.
#[derive(Debug, Clone, Copy)]
pub struct NewWebhook<'a> {
    /// Its kind.
    pub kind: WebhookKind,
    /// Where to post.
    pub url: &'a str,
    /// The header that carries the secret.
    pub header: &'a str,
    /// The shared secret.
    pub secret: &'a Secret,
}

/// Everything that one delivery needs.
#[derive(Debug, Clone)]
pub struct OutgoingDelivery {
    /// Where to post.
    pub url: String,
    /// The header that carries the secret.
    pub header: String,
    /// The shared secret.
    pub secret: Secret,
    /// What happened.
    pub event: Sequenced,
}

struct Row {
    id: Uuid,
    kind: String,
    url: String,
    header: String,
}

impl TryFrom<Row> for Webhook {
    type Error = StoreError;
    fn try_from(row: Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: WebhookId::from_uuid(row.id),
            kind: WebhookKind::parse(&row.kind).ok_or(StoreError::Unreadable { column: "kind" })?,
            url: row.url,
            header: row.header,
        })
    }
}

const fn place(account: AccountId, webhook: WebhookId) -> Place {
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
    query_as!(
        Row,
        "INSERT INTO webhooks (account_id, id, kind, url, header, secret, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING id, kind, url, header",
        account,
        id.as_uuid(),
        webhook.kind.as_str(),
        &*column::text(webhook.url),
        &*column::text(webhook.header),
        secret,
        clock.utc()
    )
    .fetch_one(tx.connection())
    .await?
    .try_into()
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
    query_as!(
        Row,
        "SELECT id, kind, url, header FROM webhooks WHERE id > $1 ORDER BY id LIMIT $2",
        after.map_or(Uuid::nil(), WebhookId::as_uuid),
        i64::from(limit)
    )
    .fetch_all(tx.connection())
    .await?
    .into_iter()
    .map(Webhook::try_from)
    .collect()
}

/// Reads a delivery that is still to be made; `None` if it is done already.
///
/// # Errors
/// [`StoreError::Unsealable`] or [`StoreError::Database`].
pub async fn open_delivery(
    tx: &mut TenantTx,
    webhook: WebhookId,
    seq: u64,
) -> Result<Option<OutgoingDelivery>, StoreError> {
    let Some(row) = query!(
        r#"SELECT w.url, w.header, w.secret, o.event AS "event: Json<InboxEvent>"
           FROM webhook_deliveries d
           JOIN webhooks w ON w.id = d.webhook_id
           JOIN outbox o ON o.seq = d.seq
           WHERE d.webhook_id = $1 AND d.seq = $2 AND d.done_at IS NULL"#,
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
        url: row.url,
        header: row.header,
        secret,
        event: Sequenced { seq, event: row.event.0 },
    }))
}

/// A delivery is done: accepted, or given up with an `error`.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn finish_delivery(
    tx: &mut TenantTx,
    webhook: WebhookId,
    seq: u64,
    error: Option<&str>,
    clock: &dyn Clock,
) -> Result<(), StoreError> {
    let error = error.map(column::text);
    query!(
        "UPDATE webhook_deliveries SET done_at = $3, error = $4
         WHERE webhook_id = $1 AND seq = $2 AND done_at IS NULL",
        webhook.as_uuid(),
        from_seq(seq),
        clock.utc(),
        error.as_deref()
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// A delivery failed for now: try again at `due_at`.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn postpone_delivery(
    tx: &mut TenantTx,
    webhook: WebhookId,
    seq: u64,
    error: &str,
    due_at: OffsetDateTime,
) -> Result<(), StoreError> {
    query!(
        "UPDATE webhook_deliveries SET due_at = $3, error = $4
         WHERE webhook_id = $1 AND seq = $2 AND done_at IS NULL",
        webhook.as_uuid(),
        from_seq(seq),
        due_at,
        &*column::text(error)
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}
