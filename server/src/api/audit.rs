//! The audit log: who did what, when, from where.

use super::{
    App,
    caller::Caller,
    extract::Params,
    page::{Page, PageParams},
    problem::{Document, Problem},
    routes::{Routes, endpoints},
};
use axum::{Json, extract::State};
use common::{id::AuditEntryId, permission::Permission};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use store::audit::{self, Filter};
use time::OffsetDateTime;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

pub(super) fn routes() -> Routes {
    Routes::of("audit-log", "Who changed what in the account.").needs(Permission::AuditRead, endpoints![list])
}

/// Something that was done.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct AuditEntry {
    /// Its id.
    id: AuditEntryId,
    /// When.
    #[serde(with = "time::serde::rfc3339")]
    at: OffsetDateTime,
    /// `user`, `api_key` or `system`.
    #[schema(example = "user")]
    actor_kind: String,
    /// By which user or key; null for the system.
    actor_id: Option<Uuid>,
    /// From which network address.
    #[schema(example = "192.0.2.1")]
    address: Option<String>,
    /// What.
    #[schema(example = "role.updated")]
    action: String,
    /// To what kind of thing.
    #[schema(example = "role")]
    object_kind: String,
    /// To which.
    object_id: Uuid,
    /// As it was; null if it was not there or is not shown.
    #[schema(value_type = Option<Object>)]
    before: Option<Value>,
    /// As it was from then on; null if it is gone or is not shown.
    #[schema(value_type = Option<Object>)]
    after: Option<Value>,
}

impl From<audit::AuditEntry> for AuditEntry {
    fn from(entry: audit::AuditEntry) -> Self {
        Self {
            id: entry.id,
            at: entry.at,
            actor_kind: entry.actor_kind,
            actor_id: entry.actor_id,
            address: entry.address,
            action: entry.action,
            object_kind: entry.object_kind,
            object_id: entry.object_id,
            before: entry.before,
            after: entry.after,
        }
    }
}

/// Which entries.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(rename_all = "camelCase")]
pub(super) struct AuditFilter {
    /// About this thing only.
    object_id: Option<Uuid>,
    /// By this user or key only.
    actor_id: Option<Uuid>,
    /// Of this action only, as `role.updated`.
    action: Option<String>,
}

/// Lists what was done, the latest first.
#[utoipa::path(
    get, path = "/v1/audit-log", params(AuditFilter, PageParams),
    responses((status = 200, body = Page<AuditEntry>), (status = 403, body = Document)),
)]
async fn list(
    State(app): State<App>,
    caller: Caller,
    Params(filter): Params<AuditFilter>,
    Params(params): Params<PageParams>,
) -> Result<Json<Page<AuditEntry>>, Problem> {
    let before = params.cursor(|text| text.parse().ok())?;
    let filter =
        Filter { object: filter.object_id, actor: filter.actor_id, action: filter.action.as_deref() };
    let mut tx = app.read(&caller).await?;
    let entries = audit::list(&mut tx, filter, before, params.limit() + 1).await?;
    tx.commit().await?;
    Ok(Json(params.page(entries, |entry| entry.id.to_string(), AuditEntry::from)))
}
