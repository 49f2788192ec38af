//! A room's name, and who may enter.

use super::{
    super::{
        App,
        caller::Caller,
        extract::{Body, Id},
        fields, hub,
        problem::{Document, Problem},
    },
    admit::admit,
    tell,
};
use axum::{Json, extract::State};
use common::{id::RoomId, permission::Permission};
use serde::Deserialize;
use signalling_core::admission::Action;
use store::{
    join_links,
    rooms::{self, Room, RoomChange},
};
use utoipa::ToSchema;

/// What to change about a room; absent fields stay as they are.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct UpdateRoom {
    /// For people, 1 to 200 characters.
    name: Option<String>,
    /// Only members may enter and read it. Who is in it and is none leaves, but for guests; links by which guests came
    /// end with that.
    private: Option<bool>,
}

/// Changes a room. Owners of the room rename it; the rest is for who manages rooms.
#[utoipa::path(
    patch, path = "/v1/rooms/{id}", request_body = UpdateRoom,
    params(("id" = RoomId, Path, description = "The room")),
    responses(
        (status = 200, body = Room),
        (status = 403, body = Document),
        (status = 404, body = Document),
        (status = 409, description = "`room.direct`", body = Document),
    ),
)]
pub(super) async fn update(
    State(app): State<App>,
    caller: Caller,
    Id(id): Id<RoomId>,
    Body(body): Body<UpdateRoom>,
) -> Result<Json<Room>, Problem> {
    let name = body.name.as_deref().map(fields::name).transpose()?;
    if body.private.is_some() {
        caller.require_lasting(Permission::RoomsManage)?;
    }
    let mut tx = app.begin(&caller).await?;
    let mut becomes_private = false;
    if let Some(private) = body.private {
        let before = admit(&app, &mut tx, &caller, Action::SetPrivacy, id).await?;
        becomes_private = private && !before.is_private;
    }
    if body.private.is_none() || name.is_some() {
        admit(&app, &mut tx, &caller, Action::Rename, id).await?;
    }
    let change = RoomChange { name, is_private: body.private };
    let room = rooms::update(&mut tx, id, change).await;
    let room = room.map_err(|error| Problem::refused("room", error))?;
    if becomes_private {
        join_links::revoke_all(&mut tx, id, app.clock.utc()).await?;
    }
    tx.commit().await?;
    if name.is_some() {
        tell::renamed(&app, id, room.name.clone()).await;
    }
    match body.private {
        Some(true) => drop(hub::review(&app, caller.account, id).await?),
        Some(false) => tell::opened(&app, caller.account, id).await,
        None => {}
    }
    Ok(Json(room))
}
