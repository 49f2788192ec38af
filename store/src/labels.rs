//! Labels: words that sort conversations. Deleted, they leave every conversation.

use crate::{
    column,
    error::{ChangeError, StoreError},
    tenant::TenantTx,
};
use common::{clock::Clock, id::LabelId};
use serde::{Deserialize, Serialize};
use sqlx::{query, query_as};
use uuid::Uuid;

/// A word that sorts conversations.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Label {
    /// UUIDv7: later ones sort later.
    pub id: LabelId,
    /// Unique in the account.
    pub name: String,
    /// `#rrggbb`.
    pub color: String,
}

/// Creates one.
///
/// # Errors
/// [`ChangeError::Taken`].
pub async fn create(
    tx: &mut TenantTx,
    name: &str,
    color: &str,
    clock: &dyn Clock,
) -> Result<Label, ChangeError> {
    let account = tx.account_column();
    let row = query_as!(
        Label,
        "INSERT INTO labels (account_id, id, name, color, created_at) VALUES ($1, $2, $3, $4, $5)
         RETURNING id, name, color",
        account,
        LabelId::generate(clock).as_uuid(),
        &*column::text(name),
        &*column::text(color),
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
pub async fn find(tx: &mut TenantTx, id: LabelId) -> Result<Option<Label>, StoreError> {
    let row = query_as!(Label, "SELECT id, name, color FROM labels WHERE id = $1", id.as_uuid())
        .fetch_optional(tx.connection())
        .await?;
    Ok(row)
}

/// The account's, in the order of their creation, those after `after`, at most `limit`.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn list(tx: &mut TenantTx, after: Option<LabelId>, limit: u16) -> Result<Vec<Label>, StoreError> {
    let rows = query_as!(
        Label,
        "SELECT id, name, color FROM labels WHERE id > $1 ORDER BY id LIMIT $2",
        after.map_or(Uuid::nil(), LabelId::as_uuid),
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
pub async fn update(tx: &mut TenantTx, id: LabelId, name: &str, color: &str) -> Result<Label, ChangeError> {
    let row = query_as!(
        Label,
        "UPDATE labels SET name = $2, color = $3 WHERE id = $1 RETURNING id, name, color",
        id.as_uuid(),
        &*column::text(name),
        &*column::text(color)
    )
    .fetch_optional(tx.connection())
    .await?;
    row.ok_or(ChangeError::NotFound)
}

/// Deletes one.
///
/// # Errors
/// [`ChangeError::NotFound`]; [`ChangeError::Referenced`] while it is in use.
pub async fn delete(tx: &mut TenantTx, id: LabelId) -> Result<(), ChangeError> {
    let deleted = query!("DELETE FROM labels WHERE id = $1", id.as_uuid()).execute(tx.connection()).await?;
    if deleted.rows_affected() == 1 { Ok(()) } else { Err(ChangeError::NotFound) }
}
