//! Channels: the numbers and mailboxes that customers write to, with their sealed secrets.

use crate::{
    column::{self, Named},
    error::{ChangeError, StoreError},
    seal::Place,
    tenant::TenantTx,
};
use common::{
    clock::Clock,
    id::{AccountId, ChannelId},
    protocol::inbox::ChannelKind,
    secret::Secret,
};
use serde::{Deserialize, Serialize};
use sqlx::{query, query_as};
use time::OffsetDateTime;
use uuid::Uuid;

/// A connected channel. Its secrets are never shown again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Channel {
    /// UUIDv7: later ones sort later.
    pub id: ChannelId,
    /// Which provider it is connected to.
    pub kind: ChannelKind,
    /// For people.
    pub name: String,
    /// The number's id as the provider calls it.
    #[serde(rename = "phoneNumberId")]
    pub external_id: String,
    /// The path to give the provider as webhook, after this server's public address.
    pub webhook_path: String,
    /// When it was switched off, and since when its webhooks are refused and nothing is sent by it; null while it is on.
    #[serde(with = "time::serde::rfc3339::option")]
    pub disabled_at: Option<OffsetDateTime>,
}

/// A change to a channel; a member that is `None` stays as it is.
#[derive(Debug, Clone, Copy, Default)]
pub struct ChannelChange<'a> {
    /// Its name, for people.
    pub name: Option<&'a str>,
    /// Authorises what we send.
    pub access_token: Option<&'a Secret>,
    /// Signs what we receive.
    pub app_secret: Option<&'a Secret>,
    /// Proves to the provider that the webhook is ours.
    pub verify_token: Option<&'a Secret>,
    /// Whether it is on.
    pub enabled: Option<bool>,
}

/// A channel to be connected.
#[derive(Debug, Clone, Copy)]
pub struct NewChannel<'a> {
    /// What provider it is of.
    pub kind: ChannelKind,
    /// Its name, for people.
    pub name: &'a str,
    /// What the provider calls it.
    pub external_id: &'a str,
    /// Authorises what we send.
    pub access_token: &'a Secret,
    /// Signs what we receive.
    pub app_secret: &'a Secret,
    /// Proves to the provider that the webhook is ours.
    pub verify_token: &'a Secret,
}

/// Why a channel cannot be connected.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// The account has connected the number already. Another account's is none of its business.
    #[error("the channel is connected already")]
    Taken,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<sqlx::Error> for CreateError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

/// The place that a channel's secret is sealed for.
pub(crate) const fn place(column: &'static str, account: AccountId, channel: ChannelId) -> Place {
    Place { table: "channels", column, account, row: channel.as_uuid() }
}

/// Connects a channel, sealing its secrets.
///
/// # Errors
/// [`CreateError::Taken`].
pub async fn create(
    tx: &mut TenantTx,
    channel: &NewChannel<'_>,
    clock: &dyn Clock,
) -> Result<Channel, CreateError> {
    let id = ChannelId::generate(clock);
    let (account, keyring) = (tx.account(), tx.keyring());
    let access_token = keyring.seal(place("access_token", account, id), channel.access_token)?;
    let app_secret = keyring.seal(place("app_secret", account, id), channel.app_secret)?;
    let verify_token = keyring.seal(place("verify_token", account, id), channel.verify_token)?;
    let row = query_as!(
        Channel,
        r#"INSERT INTO channels (account_id, id, kind, name, external_id, access_token, app_secret, verify_token, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
         ON CONFLICT (account_id, kind, external_id) DO NOTHING
         RETURNING id, kind AS "kind: Named<ChannelKind>", name, external_id,
                '/v1/webhooks/' || kind || '/' || id AS "webhook_path!", disabled_at"#,
        account.as_uuid(),
        id.as_uuid(),
        channel.kind.as_str(),
        &*column::text(channel.name),
        &*column::text(channel.external_id),
        access_token,
        app_secret,
        verify_token,
        clock.utc()
    )
    .fetch_optional(tx.connection())
    .await?;
    row.ok_or(CreateError::Taken)
}

/// The channel with this id.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn find(tx: &mut TenantTx, id: ChannelId) -> Result<Option<Channel>, StoreError> {
    let found = query_as!(
        Channel,
        r#"SELECT id, kind AS "kind: Named<ChannelKind>", name, external_id,
                '/v1/webhooks/' || kind || '/' || id AS "webhook_path!", disabled_at FROM channels WHERE id = $1"#,
        id.as_uuid()
    )
    .fetch_optional(tx.connection())
    .await?;
    Ok(found)
}

/// The account's channel that the provider calls `external_id`.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn find_by_external_id(
    tx: &mut TenantTx,
    kind: ChannelKind,
    external_id: &str,
) -> Result<Option<Channel>, StoreError> {
    let found = query_as!(
        Channel,
        r#"SELECT id, kind AS "kind: Named<ChannelKind>", name, external_id,
                '/v1/webhooks/' || kind || '/' || id AS "webhook_path!", disabled_at FROM channels WHERE kind = $1 AND external_id = $2"#,
        kind.as_str(),
        &*column::text(external_id)
    )
    .fetch_optional(tx.connection())
    .await?;
    Ok(found)
}

/// The account's channels in the order of their creation, those after `after`, at most `limit`.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn list(
    tx: &mut TenantTx,
    after: Option<ChannelId>,
    limit: u16,
) -> Result<Vec<Channel>, StoreError> {
    let found = query_as!(
        Channel,
        r#"SELECT id, kind AS "kind: Named<ChannelKind>", name, external_id,
                '/v1/webhooks/' || kind || '/' || id AS "webhook_path!", disabled_at FROM channels WHERE id > $1 ORDER BY id LIMIT $2"#,
        after.map_or(Uuid::nil(), ChannelId::as_uuid),
        i64::from(limit)
    )
    .fetch_all(tx.connection())
    .await?;
    Ok(found)
}

/// Changes a channel, sealing new secrets under the newest key.
///
/// # Errors
/// [`ChangeError::NotFound`].
pub async fn update(
    tx: &mut TenantTx,
    id: ChannelId,
    change: &ChannelChange<'_>,
    clock: &dyn Clock,
) -> Result<Channel, ChangeError> {
    let (account, keyring) = (tx.account(), tx.keyring());
    let seal = |column, secret: Option<&Secret>| {
        secret.map(|secret| keyring.seal(place(column, account, id), secret)).transpose()
    };
    let access_token = seal("access_token", change.access_token)?;
    let app_secret = seal("app_secret", change.app_secret)?;
    let verify_token = seal("verify_token", change.verify_token)?;
    let name = change.name.map(column::text);
    let row = query_as!(
        Channel,
        r#"UPDATE channels SET name = coalesce($2, name), access_token = coalesce($3, access_token),
                app_secret = coalesce($4, app_secret), verify_token = coalesce($5, verify_token),
                disabled_at = CASE WHEN $6 THEN NULL WHEN NOT $6 THEN coalesce(disabled_at, $7) ELSE disabled_at END
         WHERE id = $1 RETURNING id, kind AS "kind: Named<ChannelKind>", name, external_id,
                '/v1/webhooks/' || kind || '/' || id AS "webhook_path!", disabled_at"#,
        id.as_uuid(),
        name.as_deref(),
        access_token,
        app_secret,
        verify_token,
        change.enabled,
        clock.utc()
    )
    .fetch_optional(tx.connection())
    .await?;
    row.ok_or(ChangeError::NotFound)
}

/// Deletes a channel that nothing has come or gone by.
///
/// # Errors
/// [`ChangeError::NotFound`]; [`ChangeError::Referenced`] once it has been used.
pub async fn delete(tx: &mut TenantTx, id: ChannelId) -> Result<(), ChangeError> {
    let deleted = query!("DELETE FROM channels WHERE id = $1", id.as_uuid()).execute(tx.connection()).await?;
    if deleted.rows_affected() == 1 { Ok(()) } else { Err(ChangeError::NotFound) }
}
