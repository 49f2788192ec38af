//! Texts that agents often send.

use crate::{
    error::{ChangeError, StoreError},
    named::{named, two_texts},
    tenant::TenantTx,
};
use common::id::CannedResponseId;
use serde::{Deserialize, Serialize};

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
two_texts!(CannedResponse, CannedResponseId, "canned_responses", shortcode "shortcode", text "text");
