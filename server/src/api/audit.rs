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
use common::{
    id::{ActorId, ObjectId},
    permission::Permission,
};
use serde::Deserialize;
use store::audit::{self, AuditEntry, Filter};
use utoipa::IntoParams;

pub(super) fn routes() -> Routes {
    Routes::of("audit-entries", "Who changed what in the account.")
        .needs(Permission::AuditEntriesRead, endpoints![list])
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(rename_all = "camelCase")]
pub(super) struct AuditFilter {
    /// About this thing only.
    object_id: Option<ObjectId>,
    /// By this user or key only.
    actor_id: Option<ActorId>,
    /// Of this action only, as `role.updated`.
    action: Option<String>,
}

/// Lists what was done, the latest first.
#[utoipa::path(
    get, path = "/v1/audit-entries", params(AuditFilter, PageParams),
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
    Ok(Json(params.page(entries, |entry| entry.id.to_string())))
}
