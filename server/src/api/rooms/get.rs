//! One room.

use super::{
    super::{
        App,
        caller::Caller,
        extract::Id,
        problem::{Document, Problem},
    },
    existing, viewer, visible,
};
use axum::{Json, extract::State};
use common::id::RoomId;
use store::rooms::{Room, Viewer};

/// Reads one room.
#[utoipa::path(
    get, path = "/v1/rooms/{id}", params(("id" = RoomId, Path, description = "The room")),
    responses((status = 200, body = Room), (status = 404, body = Document)),
)]
pub(super) async fn get(
    State(app): State<App>,
    caller: Caller,
    Id(id): Id<RoomId>,
) -> Result<Json<Room>, Problem> {
    let mut tx = app.read(&caller).await?;
    let room = match viewer(&caller) {
        Viewer::Anybody => existing(&mut tx, id).await?,
        Viewer::User(_) => visible(&mut tx, &caller, id).await?,
    };
    tx.commit().await?;
    Ok(Json(room))
}
