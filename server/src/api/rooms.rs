//! Rooms and what was said in them. What is said now goes over `/v1/ws`.

use super::{
    App,
    caller::Caller,
    extract::{Body, Id, Params},
    fields,
    once::{self, Retryable},
    page::{Page, PageParams},
    problem::{Document, Problem},
};
use axum::{Json, extract::State, response::Response};
use common::{
    id::RoomId,
    permission::Permission,
    protocol::room::{MESSAGES_MAX, RoomMessage},
};
use serde::{Deserialize, Serialize};
use store::rooms;
use utoipa::{IntoParams, ToSchema};

/// A room.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Room {
    /// Its id.
    id: RoomId,
    /// Its name.
    name: String,
    /// The number of its latest message; 0 if nothing has been said.
    last_seq: u64,
}

impl From<rooms::Room> for Room {
    fn from(room: rooms::Room) -> Self {
        Self { id: room.id, name: room.name, last_seq: room.last_seq }
    }
}

/// A room to be created.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct CreateRoom {
    /// Its name.
    name: String,
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

/// Lists the account's rooms in the order of their creation.
#[utoipa::path(get, path = "/v1/rooms", tag = "rooms", params(PageParams), responses((status = 200, body = Page<Room>)))]
pub(super) async fn list(
    State(app): State<App>,
    caller: Caller,
    Params(params): Params<PageParams>,
) -> Result<Json<Page<Room>>, Problem> {
    let after = params.cursor(|text| text.parse().ok())?;
    let mut tx = app.begin(&caller, Permission::RoomsRead).await?;
    let rooms = rooms::list(&mut tx, after, params.limit() + 1).await?;
    tx.commit().await?;
    Ok(Json(params.page(rooms, |room| room.id.to_string(), Room::from)))
}

/// Creates a room.
#[utoipa::path(post, path = "/v1/rooms", tag = "rooms", request_body = CreateRoom, params(once::Header), responses((status = 201, body = Room)))]
pub(super) async fn create(
    State(app): State<App>,
    caller: Caller,
    Retryable(body, once): Retryable<CreateRoom>,
) -> Result<Response, Problem> {
    let name = fields::name(&body.name)?;
    let mut tx = app.begin(&caller, Permission::RoomsManage).await?;
    if let Some(answer) = once.answered(&app, &mut tx, &caller).await? {
        return Ok(answer);
    }
    let room = Room::from(rooms::create(&mut tx, name, &*app.clock).await?);
    once.created(tx, &caller, &room).await
}

/// Reads one room.
#[utoipa::path(
    get, path = "/v1/rooms/{id}", tag = "rooms", params(("id" = RoomId, Path, description = "The room")),
    responses((status = 200, body = Room), (status = 404, body = Document)),
)]
pub(super) async fn find(
    State(app): State<App>,
    caller: Caller,
    Id(id): Id<RoomId>,
) -> Result<Json<Room>, Problem> {
    let mut tx = app.begin(&caller, Permission::RoomsRead).await?;
    let room = rooms::find(&mut tx, id).await?.ok_or_else(|| Problem::not_found("room"))?;
    tx.commit().await?;
    Ok(Json(room.into()))
}

/// Gives a room another name.
#[utoipa::path(
    patch, path = "/v1/rooms/{id}", tag = "rooms", request_body = CreateRoom,
    params(("id" = RoomId, Path, description = "The room")),
    responses((status = 200, body = Room), (status = 404, body = Document)),
)]
pub(super) async fn update(
    State(app): State<App>,
    caller: Caller,
    Id(id): Id<RoomId>,
    Body(body): Body<CreateRoom>,
) -> Result<Json<Room>, Problem> {
    let name = fields::name(&body.name)?;
    let mut tx = app.begin(&caller, Permission::RoomsManage).await?;
    let room = rooms::rename(&mut tx, id, name).await;
    let room = Room::from(room.map_err(|error| Problem::refused("room", error))?);
    tx.commit().await?;
    Ok(Json(room))
}

/// Reads what was said in a room.
#[utoipa::path(
    get, path = "/v1/rooms/{id}/messages", tag = "rooms", params(("id" = RoomId, Path, description = "The room"), HistoryParams),
    responses((status = 200, body = RoomHistory), (status = 404, body = Document)),
)]
pub(super) async fn messages(
    State(app): State<App>,
    caller: Caller,
    Id(id): Id<RoomId>,
    Params(params): Params<HistoryParams>,
) -> Result<Json<RoomHistory>, Problem> {
    let limit = params.limit.unwrap_or(50).clamp(1, MESSAGES_MAX);
    let mut tx = app.begin(&caller, Permission::RoomsRead).await?;
    rooms::find(&mut tx, id).await?.ok_or_else(|| Problem::not_found("room"))?;
    let items = rooms::before(&mut tx, id, params.before.unwrap_or(u64::MAX), limit).await?;
    tx.commit().await?;
    // Numbers begin at 1 and have no gaps.
    let next = items.first().map(|message| message.seq).filter(|seq| *seq > 1);
    Ok(Json(RoomHistory { items, next }))
}
