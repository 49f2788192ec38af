//! Puts questions about rooms to the core that the hub asks too, with what the store says, and its refusals into
//! problem documents.

use super::super::{caller::Caller, problem::Problem};
use axum::http::StatusCode;
use common::{error::ErrorCode, id::RoomId};
use signalling_core::admission::{Action, Refusal, Visitor};
use store::{
    TenantTx,
    rooms::{self, Room, Viewer},
};

/// The caller, as the core sees them. Guests do not get as far as here: their tokens are for the hub alone.
const fn visitor(caller: &Caller) -> Visitor<'static> {
    match caller.token {
        Some(_) => Visitor::Person(caller.permissions),
        None => Visitor::Program(caller.permissions),
    }
}

/// The room, if the caller may do this in it or with it.
pub(super) async fn admit(
    tx: &mut TenantTx,
    caller: &Caller,
    action: Action,
    id: RoomId,
) -> Result<Room, Problem> {
    let user = caller.token.as_ref().map(|token| token.user);
    let found = rooms::find(tx, id, user).await?;
    visitor(caller).may(action, id, found.as_ref().map(|(_, facts)| facts)).map_err(refused)?;
    found.map(|(room, _)| room).ok_or_else(|| refused(Refusal::NoSuchRoom))
}

/// For whom rooms are listed.
pub(super) fn viewer(caller: &Caller) -> Viewer {
    match &caller.token {
        Some(token) if !visitor(caller).lists_every_room() => Viewer::User(token.user),
        Some(_) | None => Viewer::Anybody,
    }
}

/// What a refusal is over HTTP.
pub(super) fn refused(refusal: Refusal) -> Problem {
    let forbidden = |why| Problem::new(StatusCode::FORBIDDEN, ErrorCode::FORBIDDEN, why);
    match refusal {
        Refusal::NotAllowed => forbidden("the token or key does not allow this"),
        Refusal::NoSuchRoom => Problem::not_found("room"),
        Refusal::Closed => Problem::new(StatusCode::CONFLICT, ErrorCode::ROOM_CLOSED, "the room is closed"),
        Refusal::Removed | Refusal::NotInside => forbidden("this is for those in the room"),
    }
}
