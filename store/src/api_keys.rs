//! API keys: how programs sign in. Only their hashes are kept.

use crate::{column, error::StoreError, tenant::TenantTx};
use common::{
    clock::Clock,
    id::{ApiKeyId, UserId},
    permission::Permissions,
};
use serde::{Deserialize, Serialize};
use sqlx::query_as;
use time::OffsetDateTime;
use uuid::Uuid;

/// The SHA-256 of an API key.
pub type KeyHash = [u8; 32];

/// A key, without itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ApiKey {
    /// UUIDv7: later ones sort later.
    pub id: ApiKeyId,
    /// For people.
    pub name: String,
    /// The first characters, by which people tell keys apart.
    pub hint: String,
    /// The permissions of those who have it.
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<common::permission::Permission>))]
    pub permissions: Permissions,
    /// Who made it.
    pub created_by: UserId,
    /// When it was made.
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
    /// When it ceases to be good; null: never.
    #[serde(with = "time::serde::rfc3339::option")]
    pub expires_at: Option<OffsetDateTime>,
    /// To within five minutes; null until it is used.
    #[serde(with = "time::serde::rfc3339::option")]
    pub last_used_at: Option<OffsetDateTime>,
    /// Since when it is refused; null while it is good.
    #[serde(with = "time::serde::rfc3339::option")]
    pub revoked_at: Option<OffsetDateTime>,
}

/// A key to be created.
#[derive(Debug, Clone, Copy)]
pub struct NewApiKey<'a> {
    /// Its name, for people.
    pub name: &'a str,
    /// SHA-256 of the key; the key itself is not kept.
    pub hash: &'a KeyHash,
    /// How it begins.
    pub hint: &'a str,
    /// The permissions of those who have it.
    pub permissions: Permissions,
    /// Who makes it.
    pub created_by: UserId,
    /// When it ceases to be good; `None`: never.
    pub expires_at: Option<OffsetDateTime>,
}

/// Creates a key.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn create(tx: &mut TenantTx, key: &NewApiKey<'_>, clock: &dyn Clock) -> Result<ApiKey, StoreError> {
    let account = tx.account_column();
    let row = query_as!(
        ApiKey,
        "INSERT INTO api_keys (account_id, id, name, hash, hint, permissions, created_by, created_at, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
         RETURNING id, name, hint, permissions, created_by, created_at, expires_at, last_used_at, revoked_at",
        account,
        ApiKeyId::generate(clock).as_uuid(),
        &*column::text(key.name),
        key.hash.as_slice(),
        key.hint,
        &key.permissions.names(),
        key.created_by.as_uuid(),
        clock.utc(),
        key.expires_at
    )
    .fetch_one(tx.connection())
    .await?;
    Ok(row)
}

/// The key with this id.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn find(tx: &mut TenantTx, id: ApiKeyId) -> Result<Option<ApiKey>, StoreError> {
    let row = query_as!(
        ApiKey,
        "SELECT id, name, hint, permissions, created_by, created_at, expires_at, last_used_at, revoked_at
         FROM api_keys WHERE id = $1",
        id.as_uuid()
    )
    .fetch_optional(tx.connection())
    .await?;
    Ok(row)
}

/// The account's keys in the order of their creation, those after `after`, at most `limit`.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn list(tx: &mut TenantTx, after: Option<ApiKeyId>, limit: u16) -> Result<Vec<ApiKey>, StoreError> {
    let rows = query_as!(
        ApiKey,
        "SELECT id, name, hint, permissions, created_by, created_at, expires_at, last_used_at, revoked_at
         FROM api_keys WHERE id > $1 ORDER BY id LIMIT $2",
        after.map_or(Uuid::nil(), ApiKeyId::as_uuid),
        i64::from(limit)
    )
    .fetch_all(tx.connection())
    .await?;
    Ok(rows)
}

/// Revokes a key for good. `None` if there is no such key; one that is revoked stays as it is.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn revoke(
    tx: &mut TenantTx,
    id: ApiKeyId,
    clock: &dyn Clock,
) -> Result<Option<ApiKey>, StoreError> {
    let row = query_as!(
        ApiKey,
        "UPDATE api_keys SET revoked_at = coalesce(revoked_at, $2) WHERE id = $1
         RETURNING id, name, hint, permissions, created_by, created_at, expires_at, last_used_at, revoked_at",
        id.as_uuid(),
        clock.utc()
    )
    .fetch_optional(tx.connection())
    .await?;
    Ok(row)
}
