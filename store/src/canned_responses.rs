//! Texts that agents often send.

use crate::{
    column,
    error::{ChangeError, StoreError},
    tenant::TenantTx,
};
use common::{clock::Clock, id::CannedResponseId};
use serde::{Deserialize, Serialize};
use sqlx::{query, query_as};
use uuid::Uuid;

/// A text that is often sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CannedResponse {
    /// UUIDv7: later ones sort later.
    pub id: CannedResponseId,
    /// What agents type to get it, unique in the account: 1 to 64 letters, digits, `_` and `-`.
    pub shortcode: String,
    /// What is sent.
    pub text: String,
}

/// Creates one.
///
/// # Errors
/// [`ChangeError::Taken`].
pub async fn create(
    tx: &mut TenantTx,
    shortcode: &str,
    text: &str,
    clock: &dyn Clock,
) -> Result<CannedResponse, ChangeError> {
    let account = tx.account_column();
    let row = query_as!(
        CannedResponse,
        "INSERT INTO canned_responses (account_id, id, shortcode, text, created_at) VALUES ($1, $2, $3, $4, $5)
         RETURNING id, shortcode, text",
        account,
        CannedResponseId::generate(clock).as_uuid(),
        &*column::text(shortcode),
        &*column::text(text),
        clock.utc()
    )
    .fetch_one(tx.connection())
    .await?;
    Ok(row)
}

/// The one with this id.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn find(tx: &mut TenantTx, id: CannedResponseId) -> Result<Option<CannedResponse>, StoreError> {
    let row = query_as!(
        CannedResponse,
        "SELECT id, shortcode, text FROM canned_responses WHERE id = $1",
        id.as_uuid()
    )
    .fetch_optional(tx.connection())
    .await?;
    Ok(row)
}

/// The account's, in the order of their creation, those after `after`, at most `limit`.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn list(
    tx: &mut TenantTx,
    after: Option<CannedResponseId>,
    limit: u16,
) -> Result<Vec<CannedResponse>, StoreError> {
    let rows = query_as!(
        CannedResponse,
        "SELECT id, shortcode, text FROM canned_responses WHERE id > $1 ORDER BY id LIMIT $2",
        after.map_or(Uuid::nil(), CannedResponseId::as_uuid),
        i64::from(limit)
    )
    .fetch_all(tx.connection())
    .await?;
    Ok(rows)
}

/// Changes one.
///
/// # Errors
/// [`ChangeError::NotFound`], [`ChangeError::Taken`].
pub async fn update(
    tx: &mut TenantTx,
    id: CannedResponseId,
    shortcode: &str,
    text: &str,
) -> Result<CannedResponse, ChangeError> {
    let row = query_as!(
        CannedResponse,
        "UPDATE canned_responses SET shortcode = $2, text = $3 WHERE id = $1 RETURNING id, shortcode, text",
        id.as_uuid(),
        &*column::text(shortcode),
        &*column::text(text)
    )
    .fetch_optional(tx.connection())
    .await?;
    row.ok_or(ChangeError::NotFound)
}

/// Deletes one.
///
/// # Errors
/// [`ChangeError::NotFound`]; [`ChangeError::Referenced`] while it is in use.
pub async fn delete(tx: &mut TenantTx, id: CannedResponseId) -> Result<(), ChangeError> {
    let deleted =
        query!("DELETE FROM canned_responses WHERE id = $1", id.as_uuid()).execute(tx.connection()).await?;
    if deleted.rows_affected() == 1 { Ok(()) } else { Err(ChangeError::NotFound) }
}
