//! Puts questions about rooms to the core that the hub asks too, with what the store says, and its refusals into
//! problem documents.

use super::super::{App, caller::Caller, problem::Problem};
use axum::http::StatusCode;
use common::{
    error::ErrorCode,
    id::{RoomId, UserId},
    permission::{Permission, Permissions},
    protocol::room::MemberRole,
    room::RoomFacts,
};
use signalling_core::admission::{Action, Refusal, Visitor};
use store::{
    TenantTx,
    rooms::{self, Room, Viewer},
};

/// The caller, as the core sees them. Guests do not get as far as here: their tokens are for the hub alone.
const fn visitor(caller: &Caller) -> Visitor<'static> {
    visitor_with(caller, caller.permissions)
}

/// The same with these permissions.
const fn visitor_with(caller: &Caller, permissions: Permissions) -> Visitor<'static> {
    match caller.token {
        Some(_) => Visitor::Person(permissions),
        None => Visitor::Program(permissions),
    }
}

async fn find(
    app: &App,
    tx: &mut TenantTx,
    caller: &Caller,
    id: RoomId,
) -> Result<Option<(Room, RoomFacts)>, Problem> {
    let user = caller.token.as_ref().map(|token| token.user);
    Ok(rooms::find(tx, id, user, app.clock.utc()).await?)
}

/// The room, if the caller may do this in it or with it.
pub(super) async fn admit(
    app: &App,
    tx: &mut TenantTx,
    caller: &Caller,
    action: Action,
    id: RoomId,
) -> Result<Room, Problem> {
    let found = find(app, tx, caller, id).await?;
    visitor(caller).may(action, id, found.as_ref().map(|(_, facts)| facts)).map_err(refused)?;
    found.map(|(room, _)| room).ok_or_else(|| refused(Refusal::NoSuchRoom))
}

/// The same for what outlasts daily work: what the caller is in the room counts, and managing rooms only if they do
/// so without an end.
pub(super) async fn admit_lasting(
    app: &App,
    tx: &mut TenantTx,
    caller: &Caller,
    action: Action,
    id: RoomId,
) -> Result<Room, Problem> {
    let found = find(app, tx, caller, id).await?;
    let facts = found.as_ref().map(|(_, facts)| facts);
    visitor(caller).may(action, id, facts).map_err(refused)?;
    if visitor_with(caller, caller.lasting()).may(action, id, facts).is_err() {
        caller.require_lasting(Permission::RoomsManage)?;
    }
    found.map(|(room, _)| room).ok_or_else(|| refused(Refusal::NoSuchRoom))
}

/// The room, if the caller may mute or ban this user or guest in it; with what they are in it.
pub(super) async fn admit_restricting(
    app: &App,
    tx: &mut TenantTx,
    caller: &Caller,
    target: UserId,
    id: RoomId,
) -> Result<Option<MemberRole>, Problem> {
    let found = find(app, tx, caller, id).await?;
    let role = rooms::role_of(tx, id, target).await?;
    let facts = found.as_ref().map(|(_, facts)| facts);
    visitor(caller).may_restrict(role, id, facts).map_err(refused)?;
    Ok(role)
}

/// For whom rooms are listed.
pub(super) fn viewer(caller: &Caller) -> Viewer {
    match &caller.token {
        Some(token) if !visitor(caller).lists_every_room() => Viewer::User(token.user),
        Some(_) | None => Viewer::Anybody,
    }
}

/// What a refusal is over HTTP.
pub(in super::super) fn refused(refusal: Refusal) -> Problem {
    let forbidden = |why| Problem::new(StatusCode::FORBIDDEN, ErrorCode::FORBIDDEN, why);
    let conflict = |code, why| Problem::new(StatusCode::CONFLICT, code, why);
    match refusal {
        Refusal::NotAllowed => forbidden("the token or key does not allow this"),
        Refusal::NoSuchRoom => Problem::not_found("room"),
        Refusal::Banned => {
            Problem::new(StatusCode::FORBIDDEN, ErrorCode::ROOM_BANNED, "you are banned from the room")
        }
        Refusal::NotInCharge => forbidden("this is for moderators or owners of the room"),
        Refusal::Direct => conflict(ErrorCode::ROOM_DIRECT, "the room is for two users, and stays so"),
        Refusal::Closed => conflict(ErrorCode::ROOM_CLOSED, "the room is closed"),
        Refusal::Muted => {
            Problem::new(StatusCode::FORBIDDEN, ErrorCode::ROOM_MUTED, "you are muted in the room")
        }
        Refusal::Removed => forbidden("you were removed from the room"),
        Refusal::NotInside => forbidden("this is for those in the room"),
    }
}
