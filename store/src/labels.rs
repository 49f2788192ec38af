//! Labels: words that sort conversations. Deleted, they leave every conversation.

use crate::{
    error::{ChangeError, StoreError},
    named::{named, two_texts},
    tenant::TenantTx,
};
use common::id::LabelId;
use serde::{Deserialize, Serialize};

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
two_texts!(Label, LabelId, "labels", name "name", color "color");
