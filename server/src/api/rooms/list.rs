//! The rooms that the caller sees.

use super::{
    super::{
        App,
        caller::Caller,
        extract::Params,
        page::{Page, PageParams},
        problem::Problem,
    },
    admit::viewer,
};
use axum::{Json, extract::State};
use store::rooms::{self, Room};

/// Lists the rooms that the caller sees, in the order of their creation.
#[utoipa::path(get, path = "/v1/rooms", params(PageParams), responses((status = 200, body = Page<Room>)))]
pub(super) async fn list(
    State(app): State<App>,
    caller: Caller,
    Params(params): Params<PageParams>,
) -> Result<Json<Page<Room>>, Problem> {
    let after = params.cursor(|text| text.parse().ok())?;
    let mut tx = app.read(&caller).await?;
    let rooms = rooms::list(&mut tx, viewer(&caller), after, params.limit() + 1).await?;
    tx.commit().await?;
    Ok(Json(params.page(rooms, |room| room.id.to_string())))
}
