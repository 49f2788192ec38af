//! Closing a room, and opening it again.

use super::super::{
    App,
    caller::Caller,
    extract::Id,
    hub,
    problem::{Document, Problem},
};
use axum::{Json, extract::State};
use common::{id::RoomId, protocol::room::RemovalReason, subject::hub::ConnectionSelector};
use store::rooms::{self, Room};
use time::OffsetDateTime;

/// Closes a room: whoever is in it leaves, and nobody enters or says anything any more. What was said
/// stays. Closing a closed room changes nothing.
#[utoipa::path(
    post, path = "/v1/rooms/{id}/close", params(("id" = RoomId, Path, description = "The room")),
    responses(
        (status = 200, body = Room),
        (status = 403, body = Document),
        (status = 404, body = Document),
        (status = 503, description = "It is closed, but a part of the hub did not answer: ask again", body = Document),
    ),
)]
pub(super) async fn close(
    State(app): State<App>,
    caller: Caller,
    Id(id): Id<RoomId>,
) -> Result<Json<Room>, Problem> {
    let room = set_closed(&app, &caller, id, Some(app.clock.utc())).await?;
    hub::remove(&app, caller.account, id, ConnectionSelector::Everybody, RemovalReason::Closed).await?;
    Ok(Json(room))
}

/// Opens a closed room again.
#[utoipa::path(
    post, path = "/v1/rooms/{id}/reopen", params(("id" = RoomId, Path, description = "The room")),
    responses((status = 200, body = Room), (status = 403, body = Document), (status = 404, body = Document)),
)]
pub(super) async fn reopen(
    State(app): State<App>,
    caller: Caller,
    Id(id): Id<RoomId>,
) -> Result<Json<Room>, Problem> {
    Ok(Json(set_closed(&app, &caller, id, None).await?))
}

async fn set_closed(
    app: &App,
    caller: &Caller,
    id: RoomId,
    at: Option<OffsetDateTime>,
) -> Result<Room, Problem> {
    let mut tx = app.begin(caller).await?;
    let room = rooms::close(&mut tx, id, at).await;
    let room = room.map_err(|error| Problem::refused("room", error))?;
    let action = if at.is_some() { "room.closed" } else { "room.reopened" };
    caller.audit(app, &mut tx, action, id, (None, Some(&room))).await?;
    tx.commit().await?;
    Ok(room)
}
