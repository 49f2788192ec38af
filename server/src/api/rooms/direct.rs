//! The room of two users.

use super::super::{
    App,
    caller::Caller,
    extract::Id,
    problem::{Document, Problem},
};
use axum::{Json, extract::State};
use common::id::UserId;
use store::{
    rooms::{self, Room},
    users,
};

/// Opens the direct room of the caller and another user: the same one whoever of them opens it, and however often.
#[utoipa::path(
    put, path = "/v1/direct-rooms/{user}", params(("user" = UserId, Path, description = "The other user")),
    responses(
        (status = 200, body = Room),
        (status = 403, body = Document),
        (status = 404, body = Document),
    ),
)]
pub(super) async fn open_direct_room(
    State(app): State<App>,
    caller: Caller,
    Id(other): Id<UserId>,
) -> Result<Json<Room>, Problem> {
    let own = caller.person()?.user;
    if own == other {
        return Err(Problem::invalid("a direct room is for two"));
    }
    let mut tx = app.begin_lasting(&caller).await?;
    let other = users::find(&mut tx, other).await?.ok_or_else(|| Problem::not_found("user"))?;
    let name = users::find(&mut tx, own).await?.map_or_else(String::new, |user| user.name);
    let name: String = format!("{name}, {}", other.name).chars().take(common::text::NAME_CHARS_MAX).collect();
    let room = rooms::open_direct(&mut tx, (own, other.id), &name, &*app.clock).await;
    let room = room.map_err(|error| Problem::refused("room", error))?;
    tx.commit().await?;
    Ok(Json(room))
}
