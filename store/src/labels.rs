//! Labels: words that sort conversations. Deleted, they leave every conversation.

use crate::{
    column,
    error::{ChangeError, StoreError},
    named::named,
    tenant::TenantTx,
};
use common::{clock::Clock, id::LabelId};
use serde::{Deserialize, Serialize};
use sqlx::query_as;

/// A label of conversations.
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

named!(Label, LabelId, "labels", "id, name, color");

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
