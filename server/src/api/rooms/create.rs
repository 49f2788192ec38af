//! A new room.

use super::{
    super::{
        App,
        caller::Caller,
        fields,
        idempotency::{self, Retryable},
        problem::Problem,
    },
    tell,
};
use axum::{extract::State, response::Response};
use common::{permission::Permission, protocol::room::MemberRole};
use serde::Deserialize;
use store::rooms::{self, Room};
use utoipa::ToSchema;

/// A room to be created.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct CreateRoom {
    /// For people, 1 to 200 characters.
    #[schema(example = "Stand-up")]
    name: String,
    /// Only members may enter and read it; who creates it owns it. False if absent: for everybody, which needs
    /// `rooms.manage`.
    #[serde(default)]
    private: bool,
}

/// Creates a room.
#[utoipa::path(post, path = "/v1/rooms", request_body = CreateRoom, params(idempotency::Header), responses((status = 201, body = Room)))]
pub(super) async fn create(
    State(app): State<App>,
    caller: Caller,
    Retryable(body, idempotency): Retryable<CreateRoom>,
) -> Result<Response, Problem> {
    if !body.private {
        caller.require(Permission::RoomsManage)?;
    }
    let name = fields::name(&body.name)?;
    let mut tx = if body.private {
        // Who creates it owns it from then on.
        app.begin_lasting(&caller).await?
    } else {
        app.begin(&caller).await?
    };
    if let Some(answer) = idempotency.answered(&app, &mut tx, &caller).await? {
        return Ok(answer);
    }
    let room = rooms::create(&mut tx, name, body.private, &*app.clock).await?;
    if let Some(token) = caller.token.as_ref().filter(|_| body.private) {
        let added = rooms::add_member(&mut tx, room.id, token.user, &*app.clock).await;
        added.map_err(|error| Problem::refused("room", error))?;
        rooms::set_role(&mut tx, room.id, token.user, MemberRole::Owner).await?;
    }
    let created = idempotency.created(tx, &caller, &room).await?;
    if !body.private {
        tell::opened(&app, caller.account, room.id).await;
    }
    Ok(created)
}
