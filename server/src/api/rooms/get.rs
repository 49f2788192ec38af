//! One room.

use super::{
    super::{
        App,
        caller::Caller,
        extract::Id,
        problem::{Document, Problem},
    },
    admit::admit,
};
use axum::{Json, extract::State};
use common::id::RoomId;
use signalling_core::admission::Action;
use store::rooms::Room;

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
    let room = admit(&app, &mut tx, &caller, Action::See, id).await?;
    tx.commit().await?;
    Ok(Json(room))
}
