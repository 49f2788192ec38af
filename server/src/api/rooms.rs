//! Rooms and what was said in them. What people say goes over `/v1/ws`, what programs say over [`speak`].

mod guests;
mod members;
mod speak;

use super::{
    App,
    caller::Caller,
    extract::{Body, Id, Params},
    fields, hub,
    once::{self, Retryable},
    page::{Page, PageParams},
    problem::{Document, Problem},
    routes::{Routes, endpoints},
};
use axum::{Json, extract::State, http::StatusCode, response::Response};
use common::{
    id::{ConnectionId, RoomId},
    permission::Permission,
    protocol::room::{MESSAGES_MAX, RemovalReason, RoomMessage},
    subject::hub::ConnectionSelector,
};
use serde::{Deserialize, Serialize};
use store::{
    TenantTx,
    rooms::{self, Room, RoomChange, Viewer},
};
use time::OffsetDateTime;
use utoipa::{IntoParams, ToSchema};

pub(super) fn routes() -> Routes {
    Routes::of("rooms", "Where people meet: who may enter, who is there, what was said.")
        .needs(
            Permission::RoomsRead,
            endpoints![list, get, list_room_messages, members::list, members::list_room_connections],
        )
        .needs(
            Permission::RoomsManage,
            endpoints![
                create,
                update,
                delete,
                close,
                reopen,
                speak::publish,
                guests::create,
                members::add,
                members::remove,
                members::disconnect_from_room
            ],
        )
        // What a program says looks as if somebody had said it.
        .needs_by_kind(Permission::RoomsRead, Permission::RoomsManage, endpoints![speak::send])
}

/// A room to be created.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct CreateRoom {
    /// Its name.
    #[schema(example = "Stand-up")]
    name: String,
    /// Only members may enter and read it; who creates it is the first. False if absent.
    #[serde(default)]
    private: bool,
}

/// What to change about a room; absent fields stay as they are.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct UpdateRoom {
    /// Its name.
    name: Option<String>,
    /// Only members may enter and read it. Who is in it and is none leaves, but for guests.
    private: Option<bool>,
}

/// Who sees every room: programs, and who manages rooms. Others see private ones as members.
fn viewer(caller: &Caller) -> Viewer {
    match &caller.token {
        Some(token) if !caller.permissions.has(Permission::RoomsManage) => Viewer::User(token.user),
        Some(_) | None => Viewer::Anybody,
    }
}

/// The room, for who manages rooms.
async fn existing(tx: &mut TenantTx, id: RoomId) -> Result<Room, Problem> {
    rooms::find(tx, id).await?.ok_or_else(|| Problem::not_found("room"))
}

/// The room, if the caller may read it: programs may, people as members if it is private.
/// To who may not, it does not exist.
async fn visible(tx: &mut TenantTx, caller: &Caller, id: RoomId) -> Result<Room, Problem> {
    let room = existing(tx, id).await?;
    if let Some(token) = caller.token.as_ref().filter(|_| room.is_private)
        && !rooms::is_member(tx, id, token.user).await?
    {
        return Err(Problem::not_found("room"));
    }
    Ok(room)
}

/// Which messages of a room.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct HistoryParams {
    /// Only messages before this number; absent: the latest.
    before: Option<u64>,
    /// How many, 1 to 100; 50 if absent.
    limit: Option<u16>,
}

/// A stretch of a room's messages.
#[derive(Serialize, ToSchema)]
pub(super) struct RoomHistory {
    /// Oldest first.
    items: Vec<RoomMessage>,
    /// `before` for the messages that came before these; null at the beginning.
    next: Option<u64>,
}

/// Lists the rooms that the caller sees, in the order of their creation.
#[utoipa::path(get, path = "/v1/rooms", params(PageParams), responses((status = 200, body = Page<Room>)))]
async fn list(
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

/// Creates a room.
#[utoipa::path(post, path = "/v1/rooms", request_body = CreateRoom, params(once::Header), responses((status = 201, body = Room)))]
async fn create(
    State(app): State<App>,
    caller: Caller,
    Retryable(body, once): Retryable<CreateRoom>,
) -> Result<Response, Problem> {
    let name = fields::name(&body.name)?;
    let mut tx = if body.private {
        // Who creates it is a member from then on.
        app.begin_lasting(&caller).await?
    } else {
        app.begin(&caller).await?
    };
    if let Some(answer) = once.answered(&app, &mut tx, &caller).await? {
        return Ok(answer);
    }
    let room = rooms::create(&mut tx, name, body.private, &*app.clock).await?;
    if let Some(token) = caller.token.as_ref().filter(|_| body.private) {
        let added = rooms::add_member(&mut tx, room.id, token.user, &*app.clock).await;
        added.map_err(|error| Problem::refused("room", error))?;
    }
    once.created(tx, &caller, &room).await
}

/// Reads one room.
#[utoipa::path(
    get, path = "/v1/rooms/{id}", params(("id" = RoomId, Path, description = "The room")),
    responses((status = 200, body = Room), (status = 404, body = Document)),
)]
async fn get(State(app): State<App>, caller: Caller, Id(id): Id<RoomId>) -> Result<Json<Room>, Problem> {
    let mut tx = app.read(&caller).await?;
    let room = match viewer(&caller) {
        Viewer::Anybody => existing(&mut tx, id).await?,
        Viewer::User(_) => visible(&mut tx, &caller, id).await?,
    };
    tx.commit().await?;
    Ok(Json(room))
}

/// Changes a room.
#[utoipa::path(
    patch, path = "/v1/rooms/{id}", request_body = UpdateRoom,
    params(("id" = RoomId, Path, description = "The room")),
    responses((status = 200, body = Room), (status = 404, body = Document)),
)]
async fn update(
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
async fn close(State(app): State<App>, caller: Caller, Id(id): Id<RoomId>) -> Result<Json<Room>, Problem> {
    let room = set_closed(&app, &caller, id, Some(app.clock.utc())).await?;
    hub::remove(&app, caller.account, id, ConnectionSelector::Everybody, RemovalReason::Closed).await?;
    Ok(Json(room))
}

/// Opens a closed room again.
#[utoipa::path(
    post, path = "/v1/rooms/{id}/reopen", params(("id" = RoomId, Path, description = "The room")),
    responses((status = 200, body = Room), (status = 403, body = Document), (status = 404, body = Document)),
)]
async fn reopen(State(app): State<App>, caller: Caller, Id(id): Id<RoomId>) -> Result<Json<Room>, Problem> {
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
    caller.audit(app, &mut tx, action, ("room", id.as_uuid()), (None, Some(&room))).await?;
    tx.commit().await?;
    Ok(room)
}

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
async fn delete(State(app): State<App>, caller: Caller, Id(id): Id<RoomId>) -> Result<StatusCode, Problem> {
    let mut tx = app.begin(&caller).await?;
    let before = existing(&mut tx, id).await?;
    rooms::delete(&mut tx, id).await.map_err(|error| Problem::refused("room", error))?;
    caller.audit(&app, &mut tx, "room.deleted", ("room", id.as_uuid()), (Some(&before), None)).await?;
    tx.commit().await?;
    hub::remove(&app, caller.account, id, ConnectionSelector::Everybody, RemovalReason::Deleted).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Reads what was said in a room.
#[utoipa::path(
    get, path = "/v1/rooms/{id}/messages", params(("id" = RoomId, Path, description = "The room"), HistoryParams),
    responses((status = 200, body = RoomHistory), (status = 404, body = Document)),
)]
async fn list_room_messages(
    State(app): State<App>,
    caller: Caller,
    Id(id): Id<RoomId>,
    Params(params): Params<HistoryParams>,
) -> Result<Json<RoomHistory>, Problem> {
    let limit = params.limit.unwrap_or(50).clamp(1, MESSAGES_MAX);
    let mut tx = app.read(&caller).await?;
    visible(&mut tx, &caller, id).await?;
    let items = rooms::before(&mut tx, id, params.before.unwrap_or(u64::MAX), limit).await?;
    tx.commit().await?;
    // Numbers begin at 1 and have no gaps.
    let next = items.first().map(|message| message.seq).filter(|seq| *seq > 1);
    Ok(Json(RoomHistory { items, next }))
}
