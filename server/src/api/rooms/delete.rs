//! A room's end, with what was said in it.

use super::{
    super::{
        App,
        caller::Caller,
        extract::Id,
        hub,
        problem::{Document, Problem},
    },
    admit::admit,
};
use axum::{extract::State, http::StatusCode};
use common::{id::RoomId, protocol::room::RemovalReason, subject::hub::ConnectionSelector};
use signalling_core::admission::Action;
use store::rooms;

/// Deletes a room and everything that was said in it. Calls stay on record.
#[utoipa::path(
    delete, path = "/v1/rooms/{id}", params(("id" = RoomId, Path, description = "The room")),
    responses(
        (status = 204, description = "Deleted"),
        (status = 403, body = Document),
        (status = 404, body = Document),
        (status = 503, description = "It is deleted, but a part of the hub did not answer", body = Document),
    ),
)]
pub(super) async fn delete(
    State(app): State<App>,
    caller: Caller,
    Id(id): Id<RoomId>,
) -> Result<StatusCode, Problem> {
    let mut tx = app.begin(&caller).await?;
    let before = admit(&app, &mut tx, &caller, Action::Manage, id).await?;
    rooms::delete(&mut tx, id).await.map_err(|error| Problem::refused("room", error))?;
    caller.audit(&app, &mut tx, "room.deleted", id, (Some(&before), None)).await?;
    tx.commit().await?;
    hub::remove(&app, caller.account, id, ConnectionSelector::Everybody, RemovalReason::Deleted).await?;
    Ok(StatusCode::NO_CONTENT)
}
