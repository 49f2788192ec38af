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
use common::{id::RoomId, protocol::room::Unread};
use serde::Serialize;
use std::collections::BTreeMap;
use store::rooms::{self, DirectWith, Room};
use utoipa::ToSchema;

/// A room, and what is unread in it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct ListedRoom {
    #[serde(flatten)]
    room: Room,
    /// How far the caller has read. Programs do not read: absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    read: Option<Unread>,
    /// Of a direct room of the caller, the other one.
    #[serde(skip_serializing_if = "Option::is_none")]
    with: Option<DirectWith>,
}

/// Lists the rooms that the caller sees, in the order of their creation.
#[utoipa::path(get, path = "/v1/rooms", params(PageParams), responses((status = 200, body = Page<ListedRoom>)))]
pub(super) async fn list(
    State(app): State<App>,
    caller: Caller,
    Params(params): Params<PageParams>,
) -> Result<Json<Page<ListedRoom>>, Problem> {
    let after = params.cursor(|text| text.parse().ok())?;
    let mut tx = app.read(&caller).await?;
    let rooms = rooms::list(&mut tx, viewer(&caller), after, params.limit() + 1).await?;
    let ids: Vec<RoomId> = rooms.iter().map(|room| room.id).collect();
    let direct: Vec<RoomId> = rooms.iter().filter(|room| room.is_direct).map(|room| room.id).collect();
    let (unread, mut with) = match &caller.token {
        Some(token) => (
            rooms::unread(&mut tx, token.user, &ids).await?,
            rooms::direct_with(&mut tx, token.user, &direct).await?,
        ),
        None => (BTreeMap::new(), BTreeMap::new()),
    };
    tx.commit().await?;
    let listed = rooms.into_iter().map(|room| ListedRoom {
        read: unread.get(&room.id).copied(),
        with: with.remove(&room.id),
        room,
    });
    Ok(Json(params.page(listed.collect(), |listed| listed.room.id.to_string())))
}
