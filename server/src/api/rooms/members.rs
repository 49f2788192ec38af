//! Members of a room, and the participants that are in it now.

use super::{
    super::{
        App,
        caller::Caller,
        extract::{Id, Ids, Params},
        hub,
        page::{Page, PageParams},
        problem::{Document, Problem},
    },
    admit::admit,
};
use axum::{Json, extract::State, http::StatusCode};
use common::{
    id::{ConnectionId, RoomId, UserId},
    identity::Identity,
    protocol::room::{Member, RemovalReason},
    subject::hub::{ConnectionSelector, RoomMembers},
};
use serde::Serialize;
use signalling_core::admission::Action;
use store::{rooms, users};
use utoipa::ToSchema;

/// Somebody who belongs to a room.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in super::super) struct RoomMember {
    /// They may enter though the room is private.
    user_id: UserId,
}

/// Lists who belongs to a room, in the order of their ids. Into a room that is not private others get too.
#[utoipa::path(
    get, path = "/v1/rooms/{id}/members", 
    params(("id" = RoomId, Path, description = "The room"), PageParams),
    responses((status = 200, body = Page<RoomMember>), (status = 404, body = Document)),
)]
pub(super) async fn list(
    State(app): State<App>,
    caller: Caller,
    Id(id): Id<RoomId>,
    Params(params): Params<PageParams>,
) -> Result<Json<Page<RoomMember>>, Problem> {
    let after = params.cursor(|text| text.parse().ok())?;
    let mut tx = app.read(&caller).await?;
    admit(&mut tx, &caller, Action::ReadMembers, id).await?;
    let users = rooms::members(&mut tx, id, after, params.limit() + 1).await?;
    tx.commit().await?;
    let members = users.into_iter().map(|user_id| RoomMember { user_id }).collect();
    Ok(Json(params.page(members, |member: &RoomMember| member.user_id.to_string())))
}

/// Makes a user a member: they may enter though the room is private.
#[utoipa::path(
    put, path = "/v1/rooms/{id}/members/{user}", 
    params(("id" = RoomId, Path, description = "The room"), ("user" = UserId, Path, description = "The user")),
    responses((status = 204, description = "They are a member"), (status = 403, body = Document), (status = 404, body = Document)),
)]
pub(super) async fn add(
    State(app): State<App>,
    caller: Caller,
    Ids(room, user): Ids<RoomId, UserId>,
) -> Result<StatusCode, Problem> {
    let mut tx = app.begin_lasting(&caller).await?;
    admit(&mut tx, &caller, Action::Manage, room).await?;
    users::find(&mut tx, user).await?.ok_or_else(|| Problem::not_found("user"))?;
    let added = rooms::add_member(&mut tx, room, user, &*app.clock).await;
    added.map_err(|error| Problem::refused("room", error))?;
    let member = RoomMember { user_id: user };
    caller.audit(&app, &mut tx, "room.memberAdded", room, (None, Some(&member))).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Removes a member or guest: their devices leave the room, and join tokens that were minted before are
/// good no more.
#[utoipa::path(
    delete, path = "/v1/rooms/{id}/members/{user}", 
    params(("id" = RoomId, Path, description = "The room"), ("user" = UserId, Path, description = "The user or guest")),
    responses(
        (status = 204, description = "They are out"),
        (status = 403, body = Document),
        (status = 404, body = Document),
        (status = 503, description = "It is decided, but a part of the hub did not answer: ask again", body = Document),
    ),
)]
pub(super) async fn remove(
    State(app): State<App>,
    caller: Caller,
    Ids(room, user): Ids<RoomId, UserId>,
) -> Result<StatusCode, Problem> {
    let mut tx = app.begin(&caller).await?;
    admit(&mut tx, &caller, Action::Manage, room).await?;
    // Guests are in no table: their tokens are all there is of them.
    match Identity::of(user) {
        Identity::Guest(_) => {}
        Identity::Person(user) => {
            users::find(&mut tx, user).await?.ok_or_else(|| Problem::not_found("user"))?;
        }
    }
    let removed = rooms::remove(&mut tx, room, user, &*app.clock).await;
    removed.map_err(|error| Problem::refused("room", error))?;
    let member = RoomMember { user_id: user };
    caller.audit(&app, &mut tx, "room.memberRemoved", room, (Some(&member), None)).await?;
    tx.commit().await?;
    hub::remove(&app, caller.account, room, ConnectionSelector::User(user), RemovalReason::Removed).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The devices in a room.
#[derive(Serialize, ToSchema)]
pub(in super::super) struct Connections {
    /// In no order.
    items: Vec<Member>,
}

/// Lists the devices that are in a room now, on all instances.
#[utoipa::path(
    get, path = "/v1/rooms/{id}/connections", params(("id" = RoomId, Path, description = "The room")),
    responses((status = 200, body = Connections), (status = 404, body = Document), (status = 503, body = Document)),
)]
pub(super) async fn list_room_connections(
    State(app): State<App>,
    caller: Caller,
    Id(id): Id<RoomId>,
) -> Result<Json<Connections>, Problem> {
    let mut tx = app.read(&caller).await?;
    admit(&mut tx, &caller, Action::ReadMembers, id).await?;
    tx.commit().await?;
    let present = app.bus.entries(&RoomMembers(id)).await;
    let present = present.map_err(|_| Problem::unavailable("who is in the room cannot be told"))?;
    Ok(Json(Connections { items: present.into_iter().map(|(_, entry)| entry.member).collect() }))
}

/// Takes one device out of a room. Its user may enter again.
#[utoipa::path(
    delete, path = "/v1/rooms/{id}/connections/{connection}", 
    params(("id" = RoomId, Path, description = "The room"), ("connection" = ConnectionId, Path, description = "The device")),
    responses(
        (status = 204, description = "It is out"),
        (status = 403, body = Document),
        (status = 404, description = "It is not in the room", body = Document),
        (status = 503, body = Document),
    ),
)]
pub(super) async fn disconnect_from_room(
    State(app): State<App>,
    caller: Caller,
    Ids(room, connection): Ids<RoomId, ConnectionId>,
) -> Result<StatusCode, Problem> {
    let mut tx = app.begin(&caller).await?;
    admit(&mut tx, &caller, Action::Manage, room).await?;
    tx.commit().await?;
    let whom = ConnectionSelector::Connection(connection);
    match hub::remove(&app, caller.account, room, whom, RemovalReason::Removed).await? {
        0 => Err(Problem::not_found("connection")),
        _ => Ok(StatusCode::NO_CONTENT),
    }
}
