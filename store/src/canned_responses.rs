//! Texts that agents often send.

use crate::{
    column,
    error::{ChangeError, StoreError},
    named::named,
    tenant::TenantTx,
};
use common::{clock::Clock, id::CannedResponseId};
use serde::{Deserialize, Serialize};
use sqlx::query_as;

/// A canned response.
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

named!(CannedResponse, CannedResponseId, "canned_responses", "id, shortcode, text");

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
