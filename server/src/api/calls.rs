//! Calls as they are remembered.

use super::{
    App,
    caller::Caller,
    extract::{Id, Params},
    page::{Page, PageParams},
    problem::{Document, Problem},
    routes::{Routes, endpoints},
};
use axum::{Json, extract::State};
use common::{
    id::{CallId, RoomId},
    page::Timed,
    permission::Permission,
};
use serde::Deserialize;
use store::calls::{self, Call};
use utoipa::IntoParams;

pub(super) fn routes() -> Routes {
    Routes::of("calls", "Calls on record.").needs(Permission::CallsRead, endpoints![list, get])
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(rename_all = "camelCase")]
pub(super) struct CallFilter {
    /// Only those in this room.
    room_id: Option<RoomId>,
}

/// Lists the account's calls, the latest first.
#[utoipa::path(get, path = "/v1/calls", params(CallFilter, PageParams), responses((status = 200, body = Page<Call>)))]
async fn list(
    State(app): State<App>,
    caller: Caller,
    Params(filter): Params<CallFilter>,
    Params(params): Params<PageParams>,
) -> Result<Json<Page<Call>>, Problem> {
    let before = params.cursor(|text| text.parse().ok().map(|Timed { at, id }| (at, id)))?;
    let mut tx = app.read(&caller).await?;
    let calls = calls::list(&mut tx, filter.room_id, before, params.limit() + 1).await?;
    tx.commit().await?;
    let position = |call: &calls::Call| Timed { at: call.started_at, id: call.id }.to_string();
    Ok(Json(params.page(calls, position)))
}

/// Reads one call.
#[utoipa::path(
    get, path = "/v1/calls/{id}", params(("id" = CallId, Path, description = "The call")),
    responses((status = 200, body = Call), (status = 404, body = Document)),
)]
async fn get(State(app): State<App>, caller: Caller, Id(id): Id<CallId>) -> Result<Json<Call>, Problem> {
    let mut tx = app.read(&caller).await?;
    let call = calls::find(&mut tx, id).await?.ok_or_else(|| Problem::not_found("call"))?;
    tx.commit().await?;
    Ok(Json(call))
}
