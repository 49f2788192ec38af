//! A room's name, and who may enter.

use super::{
    super::{
        App,
        caller::Caller,
        extract::{Body, Id},
        fields, hub,
        problem::{Document, Problem},
    },
    guests, members,
};
use axum::{Json, extract::State};
use common::{
    id::{ConnectionId, RoomId},
    protocol::room::RemovalReason,
    subject::hub::ConnectionSelector,
};
use serde::Deserialize;
use store::rooms::{self, Room, RoomChange};
use utoipa::ToSchema;

/// What to change about a room; absent fields stay as they are.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct UpdateRoom {
    /// For people, 1 to 200 characters.
    name: Option<String>,
    /// Only members may enter and read it. Who is in it and is none leaves, but for guests.
    private: Option<bool>,
}

/// Changes a room.
#[utoipa::path(
    patch, path = "/v1/rooms/{id}", request_body = UpdateRoom,
    params(("id" = RoomId, Path, description = "The room")),
    responses((status = 200, body = Room), (status = 404, body = Document)),
)]
pub(super) async fn update(
    State(app): State<App>,
    caller: Caller,
    Id(id): Id<RoomId>,
    Body(body): Body<UpdateRoom>,
) -> Result<Json<Room>, Problem> {
    let name = body.name.as_deref().map(fields::name).transpose()?;
    let mut tx =
        if body.private.is_some() { app.begin_lasting(&caller).await? } else { app.begin(&caller).await? };
    let change = RoomChange { name, is_private: body.private };
    let room = rooms::update(&mut tx, id, change).await;
    let room = room.map_err(|error| Problem::refused("room", error))?;
    tx.commit().await?;
    if body.private == Some(true) {
        clear_of_others(&app, &caller, id).await?;
    }
    Ok(Json(room))
}

/// Takes those of the account out of a private room who are no members of it. Guests were let in by
/// whoever may, and stay.
async fn clear_of_others(app: &App, caller: &Caller, room: RoomId) -> Result<(), Problem> {
    // Nobody's: so that whoever is entering on account of how the room was before has to look again.
    let nobody = ConnectionSelector::Connection(ConnectionId::generate(&*app.clock));
    hub::remove(app, caller.account, room, nobody, RemovalReason::Removed).await?;
    let mut others = Vec::new();
    let mut tx = app.read(caller).await?;
    for present in members::present(app, room).await? {
        if !guests::is_guest(present.user_id) && !rooms::is_member(&mut tx, room, present.user_id).await? {
            others.push(present.connection_id);
        }
    }
    tx.commit().await?;
    for connection in others {
        let whom = ConnectionSelector::Connection(connection);
        hub::remove(app, caller.account, room, whom, RemovalReason::Removed).await?;
    }
    Ok(())
}
