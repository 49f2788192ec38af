//! Lists elevations: those that were asked for, and the decisions on them.

use super::{
    super::{
        App,
        caller::Caller,
        extract::Params,
        page::{Page, PageParams},
        problem::{Document, Problem},
    },
    Elevation,
};
use axum::{Json, extract::State};
use common::permission::Permission;
use store::elevations;

/// Lists elevations, the latest first: all for who manages users, one's own for others.
#[utoipa::path(
    get, path = "/v1/elevations", params(PageParams),
    responses((status = 200, body = Page<Elevation>), (status = 403, body = Document)),
)]
pub(super) async fn list(
    State(app): State<App>,
    caller: Caller,
    Params(params): Params<PageParams>,
) -> Result<Json<Page<Elevation>>, Problem> {
    let before = params.cursor(|text| text.parse().ok())?;
    let of = match caller.require(Permission::UsersManage) {
        Ok(()) => None,
        Err(_) => Some(caller.person()?.user),
    };
    let mut tx = app.read(&caller).await?;
    let items = elevations::list(&mut tx, of, before, params.limit() + 1).await?;
    tx.commit().await?;
    let now = app.clock.utc();
    let items = items.into_iter().map(|it| Elevation::of(it, now)).collect();
    Ok(Json(params.page(items, |it: &Elevation| it.id.to_string())))
}
