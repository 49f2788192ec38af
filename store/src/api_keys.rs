//! API keys: how programs sign in. Only their hashes are kept.

use crate::{column, error::StoreError, tenant::TenantTx};
use common::{
    clock::Clock,
    id::{ApiKeyId, UserId},
    permission::Permissions,
};
use sqlx::query_as;
use time::OffsetDateTime;
use uuid::Uuid;

/// The SHA-256 of an API key.
pub type KeyHash = [u8; 32];

/// A key, without itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// Its id.
    pub id: ApiKeyId,
    /// Its name, for people.
    pub name: String,
    /// How it begins.
    pub hint: String,
    /// What who has it may do.
    pub permissions: Permissions,
    /// Who made it.
    pub created_by: UserId,
    /// When it was made.
    pub created_at: OffsetDateTime,
    /// When it ceases to be good; `None`: never.
    pub expires_at: Option<OffsetDateTime>,
    /// When it was last used, to within a few minutes.
    pub last_used_at: Option<OffsetDateTime>,
    /// When it was revoked.
    pub revoked_at: Option<OffsetDateTime>,
}

/// A key to be created.
#[derive(Debug, Clone, Copy)]
pub struct NewApiKey<'a> {
    /// Its name, for people.
    pub name: &'a str,
    /// Its hash.
    pub hash: &'a KeyHash,
    /// How it begins.
    pub hint: &'a str,
    /// What who has it may do.
    pub permissions: Permissions,
    /// Who makes it.
    pub created_by: UserId,
    /// When it ceases to be good; `None`: never.
    pub expires_at: Option<OffsetDateTime>,
}

struct Row {
    id: Uuid,
    name: String,
    hint: String,
    permissions: Vec<String>,
    created_by: Uuid,
    created_at: OffsetDateTime,
    expires_at: Option<OffsetDateTime>,
    last_used_at: Option<OffsetDateTime>,
    revoked_at: Option<OffsetDateTime>,
}

impl From<Row> for ApiKey {
    fn from(row: Row) -> Self {
        Self {
            id: ApiKeyId::from_uuid(row.id),
            name: row.name,
            hint: row.hint,
            permissions: Permissions::from_names(&row.permissions),
            created_by: UserId::from_uuid(row.created_by),
            created_at: row.created_at,
            expires_at: row.expires_at,
            last_used_at: row.last_used_at,
            revoked_at: row.revoked_at,
        }
    }
}

/// Creates a key.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn create(tx: &mut TenantTx, key: &NewApiKey<'_>, clock: &dyn Clock) -> Result<ApiKey, StoreError> {
    let account = tx.account_column();
    let row = query_as!(
        Row,
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
    Ok(row.into())
}

/// The key with this id.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn find(tx: &mut TenantTx, id: ApiKeyId) -> Result<Option<ApiKey>, StoreError> {
    let row = query_as!(
        Row,
        "SELECT id, name, hint, permissions, created_by, created_at, expires_at, last_used_at, revoked_at
         FROM api_keys WHERE id = $1",
        id.as_uuid()
    )
    .fetch_optional(tx.connection())
    .await?;
    Ok(row.map(ApiKey::from))
}

/// The account's keys in the order of their creation, those after `after`, at most `limit`.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn list(tx: &mut TenantTx, after: Option<ApiKeyId>, limit: u16) -> Result<Vec<ApiKey>, StoreError> {
    let rows = query_as!(
        Row,
        "SELECT id, name, hint, permissions, created_by, created_at, expires_at, last_used_at, revoked_at
         FROM api_keys WHERE id > $1 ORDER BY id LIMIT $2",
        after.map_or(Uuid::nil(), ApiKeyId::as_uuid),
        i64::from(limit)
    )
    .fetch_all(tx.connection())
    .await?;
    Ok(rows.into_iter().map(ApiKey::from).collect())
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
        Row,
        "UPDATE api_keys SET revoked_at = coalesce(revoked_at, $2) WHERE id = $1
         RETURNING id, name, hint, permissions, created_by, created_at, expires_at, last_used_at, revoked_at",
        id.as_uuid(),
        clock.utc()
    )
    .fetch_optional(tx.connection())
    .await?;
    Ok(row.map(ApiKey::from))
}
